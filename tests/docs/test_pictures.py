"""The committed pictures show what the page that they stand in makes."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import shutil
import struct
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from lxml import etree

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
PNGS = ("spreadsheet_report.png", "spreadsheet_summary.png")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def load_maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_pictures", ROOT / "docs" / "pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float]]:
    """The folder in which the page was run, and the figures that it shows."""
    maker = load_maker()
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(ROOT / "scenarios", folder / "scenarios", ignore=shutil.ignore_patterns("plans"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        maker.run_page(maker.PAGE.read_text(encoding="utf-8"))
    return folder, maker.shown(folder)


def texts(svg: Path) -> list[str]:
    """Return all text of a picture, its words and its numbers."""
    root = etree.parse(svg, etree.XMLParser(resolve_entities=False, no_network=True)).getroot()
    return [
        " ".join("".join(map(str, one.itertext())).split())
        for one in root.iter()
        if str(one.tag).endswith(("text", "desc"))
    ]


def about(png: Path) -> dict[str, Any]:
    """Return the description in a PNG's metadata."""
    data, at = png.read_bytes(), 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        if kind == b"tEXt" and body.startswith(b"Description\0"):
            found: dict[str, Any] = json.loads(body.split(b"\0", 1)[1])
            return found
        at += 12 + length
    raise AssertionError(f"{png} does not say what it shows")


def is_alike(one: str, other: str) -> bool:
    if _NUMBER.sub("#", one) != _NUMBER.sub("#", other):
        return False
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    return all(
        math.isclose(float(a.replace(",", "")), float(b.replace(",", "")), rel_tol=1e-3) for a, b in pairs
    )


def test_the_figure_is_the_one_that_the_page_makes(made: tuple[Path, dict[str, float]]) -> None:
    committed, fresh = texts(IMAGES / "spreadsheet_frontier.svg"), texts(made[0] / "figures" / "frontier.svg")
    assert len(committed) == len(fresh) > 5, "run python docs/pictures.py"
    differing = [pair for pair in zip(committed, fresh, strict=True) if not is_alike(*pair)]
    assert not differing, "run python docs/pictures.py"


@pytest.mark.parametrize("name", PNGS)
def test_the_photographs_show_the_same_figures(made: tuple[Path, dict[str, float]], name: str) -> None:
    said = about(IMAGES / name)
    assert said == pytest.approx(made[1], rel=1e-3), "run python docs/pictures.py"
    assert made[1]["funded"] > 0


def test_the_terminal_shows_the_plan() -> None:
    drawn = re.sub(r"<[^>]+>", " ", load_maker().terminal()).replace("&#160;", " ")
    for words in (
        "Annual SME budget 2027",
        "certified to",
        "loss budget",
        "optimize scenarios/annual_budget.yaml",
    ):
        assert words in drawn


def test_every_picture_stands_on_a_page_and_every_page_has_its_pictures() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    shown = {
        Path(path).name
        for page in pages
        for path in re.findall(r"!\[[^\]]+\]\(([^)]*images/[^)]+)\)", page.read_text(encoding="utf-8"))
    }
    assert shown == {path.name for path in IMAGES.iterdir()}
