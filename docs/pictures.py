"""Make the pictures of the pages, by running what the pages show: ``python docs/pictures.py``.

    images/annual_budget.svg           the terminal's view of a solved scenario, in the README
    images/spreadsheet_frontier.svg    the figure that docs/scenario_to_spreadsheet.md makes,
    images/spreadsheet_report.png      its report in a browser,
    images/spreadsheet_summary.png     and its workbook, recalculated

Takes Chromium, LibreOffice and the extra `docs`. A PNG says in its metadata what it shows, so that a test can tell when
it is out of date.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
IMAGES = DOCS / "images"
PAGE = DOCS / "scenario_to_spreadsheet.md"
PICTURED = "annual_budget"
SHOWN_POINT = 9
"""Of the frontier: the one that the report opens at."""
_FENCE = re.compile(r"^```(?P<kind>[a-z]+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_WIDTH, _HEIGHT = 1200, 1010  # of the browser's window, in pixels
_MARGIN = 20


def main() -> None:
    """Make all pictures."""
    IMAGES.mkdir(exist_ok=True)
    (IMAGES / f"{PICTURED}.svg").write_text(terminal(), encoding="utf-8", newline="\n")
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        folder = Path(name)
        shutil.copytree(
            DOCS.parent / "scenarios", folder / "scenarios", ignore=shutil.ignore_patterns("plans")
        )
        run_page(PAGE.read_text(encoding="utf-8"))
        shutil.copy(folder / "figures" / "frontier.svg", IMAGES / "spreadsheet_frontier.svg")
        _save(browsed(folder / "report.html"), IMAGES / "spreadsheet_report.png", shown(folder))
        sheet = printed(folder / "scenarios" / "treasury_planned.xlsx")
        _save(sheet, IMAGES / "spreadsheet_summary.png", shown(folder))
    for path in sorted(IMAGES.glob("spreadsheet_*")):
        print(path)


def terminal() -> str:
    """Return the terminal's view of a solved scenario as SVG."""
    from rich.console import Console

    from lendplan import load
    from lendplan.reports.terminal import show_plan

    with tempfile.TemporaryDirectory() as folder:
        asked = load(DOCS.parent / "scenarios" / f"{PICTURED}.yaml")
        plan = asked.solve()
        written = plan.write(Path(folder) / PICTURED)
        summary = json.loads((written / "summary.json").read_text(encoding="utf-8"))
        console = Console(
            record=True, width=118, file=io.StringIO(), force_terminal=True, color_system="truecolor"
        )
        figures = asked.heading, summary, plan.totals_by_grade, plan.limits
        show_plan(console, *figures, f"scenarios/plans/{PICTURED}")
    # A fixed id: the default one is drawn anew each time. No font from the network: any monospaced one will do.
    drawn = console.export_svg(title=f"optimize scenarios/{PICTURED}.yaml", unique_id="lendplan")
    return re.sub(r" *@font-face \{.*?\n    \}\n", "", drawn, flags=re.DOTALL)


def run_page(text: str) -> None:
    """Run the blocks of a page in the working directory, as its reader would."""
    names: dict[str, Any] = {"__name__": "page"}
    for kind, body in _blocks(text):
        if kind == "python":
            exec(compile(body, "page", "exec"), names)
        elif kind == "yaml" and (name := re.match(r"# (\S+\.yaml)\n", body)):
            Path(name[1]).write_text(body, encoding="utf-8")
        elif kind == "console":
            for command in re.findall(r"^\$ optimize (.+)$", body, re.MULTILINE):
                _optimize(shlex.split(command))


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    for found in _FENCE.finditer(text):
        yield found["kind"], found["body"]


def _optimize(words: list[str]) -> None:
    from lendplan.cli import run

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = run(words)
    if code:
        raise RuntimeError(f"optimize {shlex.join(words)} ended with {code}")


def shown(folder: Path) -> dict[str, float]:
    """Return the figures that the pictures of a folder show: of the point that the report opens at."""
    point = folder / "scenarios" / "plans" / "budget_2027" / "points" / f"{SHOWN_POINT:04d}"
    summary = json.loads((point / "summary.json").read_text(encoding="utf-8"))
    return {key: summary[key] for key in ("revenue", "risk", "line", "funded", "average_rate")}


def browsed(page: Path) -> Any:
    """Return what a browser shows of a page at first, as a picture."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as driver:
        window = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        sheet = window.new_page(viewport={"width": _WIDTH, "height": _HEIGHT})
        sheet.goto(page.as_uri())
        sheet.wait_for_selector("[role=button]")
        found = Image.open(io.BytesIO(sheet.screenshot()))
        window.close()
    return found


def printed(workbook: Path) -> Any:
    """Return the first page that LibreOffice prints of a workbook, calculated anew, cut to what is on it."""
    import pypdfium2
    from PIL import ImageChops, ImageOps

    with tempfile.TemporaryDirectory() as name:
        command = [
            "soffice",
            f"-env:UserInstallation=file://{name}/profile",
            "--headless",
            "--convert-to",
            "pdf",
        ]
        command += ["--outdir", name, os.fspath(workbook)]
        subprocess.run(command, check=True, capture_output=True)
        document = pypdfium2.PdfDocument(Path(name) / f"{workbook.stem}.pdf")
        sheet = document[0].render(scale=1.6).to_pil().convert("RGB")
        document.close()
    paper = sheet.copy()
    paper.paste((255, 255, 255), (0, 0, *paper.size))
    return ImageOps.expand(sheet.crop(ImageChops.difference(sheet, paper).getbbox()), _MARGIN, "white")


def _save(picture: Any, path: Path, figures: dict[str, float]) -> None:
    """Write a picture in few colours, with what it shows in its metadata."""
    from PIL.PngImagePlugin import PngInfo

    about = PngInfo()
    about.add_text("Description", json.dumps(figures))
    picture.convert("RGB").quantize(96, dither=0).save(path, pnginfo=about, optimize=True)


if __name__ == "__main__":
    main()
