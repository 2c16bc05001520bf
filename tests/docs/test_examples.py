"""Every command and every Python block of the pages is run in a copy of the scenarios, and its output compared.

A ``console`` block holds commands (``$ …``) and what each prints, standard error included, save the warnings; a line
``...`` stands for any lines, also for none. A ``python`` block may be followed by a ``text`` block with what it
prints. A ``yaml`` block whose first line is ``# name.yaml`` is written as that file.
"""

import contextlib
import io
import logging
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lendplan.cli import run as run_optimize
from lendplan.ratecli import run as run_rate

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    "docs/tutorial.md",
    "docs/formulations/joint.md",
    "docs/formulations/two_stage.md",
    "docs/measures_and_limits.md",
    "docs/churn.md",
    "docs/outputs.md",
    "docs/explain_and_quote.md",
    "docs/sweeps.md",
    "docs/scenario_to_spreadsheet.md",
    "docs/reports.md",
    "docs/treasury.md",
    "docs/how_it_is_solved.md",
    "docs/python_api.md",
    "docs/rating_tutorial.md",
    "docs/rating/forest_and_probabilities.md",
    "docs/rating/grey.md",
)
RUN = {"optimize": run_optimize, "rate": run_rate}
NOT_RUN = {"docs/cluster.md"}
"""Pages whose examples need a book in parts and a cluster; tests/lendplan/test_cluster_plan.py runs the like."""
FENCE = re.compile(r"^```(?P<kind>[a-z]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
# What differs from run to run: seconds, versions, the number of checks, gaps at the level of rounding.
VARIES = (
    (re.compile(r"\b\d+\.\d+ s\b"), "# s"),
    (re.compile(r"\b(\d+) of \1 checks"), "all checks"),
    (re.compile(r"\b\d+ of \d+ checks"), "not all checks"),
    (re.compile(r"\bhighs \d[\d.]*"), "highs #"),
    (re.compile(r"\b(proven|certified) to \S*\d"), r"\1 to #"),
    (re.compile(r"\ba gap of \S*\d"), "a gap of #"),
)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
RELATIVE = 1e-3
"""By how much a number may differ: another release of the solver may end elsewhere within the gap."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    kind: str
    body: str
    line: int


def blocks_of(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Block(found["kind"], found["body"], text.count("\n", 0, found.start()) + 1)
        for found in FENCE.finditer(text)
    ]


def normalised(text: str) -> list[str]:
    text = text.replace(str(Path.cwd()), "…")
    for pattern, instead in VARIES:
        text = pattern.sub(instead, text)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in lines if line]


def is_alike(shown: str, printed: str) -> bool:
    if NUMBER.sub("#", shown) != NUMBER.sub("#", printed):
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True)
    return all(
        math.isclose(float(a.replace(",", "")), float(b.replace(",", "")), rel_tol=RELATIVE) for a, b in pairs
    )


def differs(shown: str, printed: str) -> str:
    """Return where two outputs part; '' where they are alike."""
    wanted, got = normalised(shown), normalised(printed)
    at, skipping = 0, False
    for line in wanted:
        if line == "...":
            skipping = True
            continue
        while skipping and at < len(got) and not is_alike(line, got[at]):
            at += 1
        if at >= len(got) or not is_alike(line, got[at]):
            return f"shown:   {line}\nprinted: {got[at] if at < len(got) else '(nothing more)'}"
        at, skipping = at + 1, False
    return "" if skipping or at == len(got) else f"printed, and not shown: {got[at]}"


def commands_of(block: Block) -> Iterator[tuple[str, str]]:
    """Return each command and what is shown below it; a command goes on where its line ends with a backslash."""
    for part in re.split(r"^\$ ", block.body, flags=re.MULTILINE)[1:]:
        command, _, shown = re.sub(r"\\\n\s*", "", part).partition("\n")
        yield command, shown


class Shell:
    """Runs commands as a shell would; `optimize` and `rate` alone within this process, which is faster."""

    def __init__(self) -> None:
        self.code = 0

    def __call__(self, command: str) -> str:
        if command == "echo $?":
            return str(self.code)
        words = shlex.split(command)
        if words[0] in RUN and not set("|<>;&") & set(words):
            out = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), notes_on(out):
                self.code = RUN[words[0]](words[1:])
            return without_warnings(out.getvalue())
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        ended = subprocess.run(
            command, shell=True, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
        )
        self.code = ended.returncode
        return ended.stdout + without_warnings(ended.stderr)


@contextlib.contextmanager
def notes_on(stream: io.StringIO) -> Iterator[None]:
    """Show notes on ``stream`` where a command asks for them, as `lendplan.cli.main` does; warnings are not shown."""
    log, handler = logging.getLogger("lendplan"), logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("note: %(message)s"))
    handler.addFilter(lambda record: record.levelno == logging.INFO)
    before = log.level
    log.setLevel(logging.WARNING)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def without_warnings(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("warning: "))


def run_page(blocks: list[Block]) -> list[str]:
    """Run the blocks in order in the working directory, and return what is wrong."""
    wrong: list[str] = []
    shell, names = Shell(), dict[str, Any](__name__="page")
    printed: str | None = None
    for block in blocks:
        if block.kind == "console":
            for command, shown in commands_of(block):
                fault = differs(shown, shell(command))
                if fault:
                    wrong.append(f"line {block.line}: $ {command}\n{fault}")
        elif block.kind == "yaml" and (name := re.match(r"# (\S+\.yaml)\n", block.body)):
            Path(name[1]).write_text(block.body, encoding="utf-8")
        elif block.kind == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile("\n" * block.line + block.body, "page", "exec"), names)
            printed = out.getvalue()
            continue
        if printed is not None:
            fault = differs(block.body if block.kind == "text" else "", printed)
            if fault:
                wrong.append(f"line {block.line}: the Python block before it\n{fault}")
            printed = None
    return wrong + ([f"a Python block prints, and nothing is shown: {printed}"] if printed else [])


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a copy of the scenarios, which is the working directory."""
    shutil.copytree(
        ROOT / "scenarios", tmp_path / "scenarios", ignore=shutil.ignore_patterns("plans", "__pycache__")
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.usefixtures("copied")
def test_page(page: str) -> None:
    blocks = blocks_of(page)
    assert any(block.kind in ("console", "python") for block in blocks), f"{page} shows nothing that runs"
    wrong = run_page(blocks)
    assert not wrong, f"{page}\n" + "\n\n".join(wrong)


def test_every_page_with_examples_is_run() -> None:
    shown = {
        path.relative_to(ROOT).as_posix()
        for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
        if any(block.kind in ("console", "python") for block in blocks_of(path.relative_to(ROOT).as_posix()))
    }
    assert shown == set(PAGES) | NOT_RUN


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("Profit 4.42", "Profit    4.419"),
        ("a\n...\nc 1", "a\nb\nb\nc 1"),
        ("Time: read 0.01 s; highs 1.15.1", "Time: read 2.50 s; highs 1.16.0"),
        ("Written to …/plans/x", f"Written to {Path.cwd()}/plans/x"),
        (
            "proven to 0.0e+00, certified to 3.9e-14",
            "proven to 1.0e-09, certified to 0.0e+00",
        ),
    ],
)
def test_alike(shown: str, printed: str) -> None:
    assert differs(shown, printed) == ""


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("Profit 4.42", "Profit 4.52"),
        ("lend N01", "lend N02"),
        ("a\n...\nc", "a\nb"),
        ("50 of 50 checks passed", "49 of 50 checks passed"),
        ("a", "a\nb"),
        ("a\nb", "a"),
        ("-1", "1"),
    ],
)
def test_unlike(shown: str, printed: str) -> None:
    assert differs(shown, printed) != ""


def test_wrong_output_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_page([Block("console", "$ echo one\ntwo\n", 1)])
    assert run_page([Block("python", "print(1)\n", 1), Block("text", "2\n", 3)])
    assert run_page([Block("python", "print(1)\n", 1)])
    assert not run_page([Block("python", "print(1)\n", 1), Block("text", "1\n", 3)])
