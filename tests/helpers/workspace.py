"""A scenario in a folder of its own, the command run on it, and what stands there before and after.

The scenario was worked by hand. Churn: rates 5 % and 10 %; A loses 0 and 20 %, B 0 and 50 %. Costs: funding 1 %,
operating 1 %, 0.1 a loan. LGD 50 %. Profit per unit of line, s·((r − 2 %) − ρ), at 5 % and 10 %:

    E1 A p 2 %  ρ 1 %     .02    .8·.07  = .056
    E2 B p 4 %  ρ 2 %     .01    .5·.06  = .03
    E3 A p 1 %  ρ 0.5 %   .025   .8·.075 = .06      lines 5 to 50 in steps of 20: 20 to 40
    E4 D        excluded
    E5 A        must: decline
    E6 B        ρ 3 %     .0     .5·.05  = .025     must: lend

Budget 150, lines 10 to 100: E3 takes 40, E6 its 10, E1 100, all at 10 %; E2 gets nothing. The profit is
100·.056 + 40·.06 + 10·.025 − 3·0.1 = 7.95.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lendplan import cli

ROOT = Path(__file__).resolve().parents[2]
BOOK = """enterprise,grade,default_probability,risk_weight,line_min,line_max,line_step,must,industry,size
E1,A,0.02,,,,,,retail,micro
E2,B,0.04,,,,,,retail,small
E3,A,0.01,,5,50,20,,farming,micro
E4,D,0.5,,,,,,farming,micro
E5,A,0.02,,,,,decline,retail,small
E6,B,,0.03,,,,lend,,
"""
FREE_BOOK = BOOK.replace("lend", "")
"""The same without `must: lend`."""
CHURN = "rate,A,B\n0.05,0,0\n0.1,0.2,0.5\n"
SCENARIO = """title: by hand
currency: CNY
enterprises: book.csv
churn: churn.csv
lines: {min: 10, max: 100}
budget: {total: 150}
economics: {funding_cost: 1%, operating_cost: 1%, fixed_cost: 0.1}
objective: {kind: profit}
"""
PROFIT = 7.95
LUMPY_BOOK = """enterprise,grade,risk_weight,line_min,line_max
A,A,0.01,10,10
B,A,0.09,10,10
C,A,0.05,13,13
"""
LUMPY = """title: a point that no weight finds
currency: CNY
enterprises: book.csv
churn: churn.csv
rates: {min: 5%, max: 5%}
lines: {min: 10, max: 100}
budget: {total: 20}
solver: {gap: 1e-9}
frontier: {points: 11}
"""
"""Revenue 5 % of the line: nothing, A (.5, .1), C (.65, .65) and A and B (1, 1) are efficient; the knee is A."""
FILES = ("allocations.csv", "allocations.parquet", "certificate.json", "manifest.json", "summary.json")


@dataclass(frozen=True)
class Ran:
    """What a command gave."""

    code: int
    out: str
    err: str


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Return every file below a folder with its bytes, hidden ones too; a folder has None."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


class Workspace:
    """A folder with a scenario and its tables."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        self.write()

    def write(
        self, scenario: str | bytes = SCENARIO, book: str | bytes = BOOK, churn: str | bytes = CHURN
    ) -> Path:
        for name, content in (("scenario.yaml", scenario), ("book.csv", book), ("churn.csv", churn)):
            data = content.encode() if isinstance(content, str) else content
            (self.folder / name).write_bytes(data)
        return self.scenario

    @property
    def scenario(self) -> Path:
        return self.folder / "scenario.yaml"

    @property
    def plan(self) -> Path:
        """Where the plan is written unless the scenario says otherwise."""
        return self.folder / "plans" / "scenario"

    def run(self, *arguments: str | Path) -> Ran:
        """Run the command in this process."""
        self.capsys.readouterr()
        code = cli.run([str(one) for one in arguments])
        out, err = self.capsys.readouterr()
        ran = Ran(code, out, err)
        assert "Traceback" not in out + err
        assert "did not foresee" not in err
        return ran

    def optimize(self, *settings: str, options: tuple[str | Path, ...] = ()) -> Ran:
        """Solve the scenario, each setting being a KEY=VALUE of --set."""
        overrides = [word for setting in settings for word in ("--set", setting)]
        return self.run(self.scenario, *overrides, *options)

    def refused(self, *settings: str, options: tuple[str | Path, ...] = (), code: int = 3) -> str:
        """Solve a scenario that must be refused, see that nothing changed on the disk, and return the message."""
        before = snapshot(self.folder)
        ran = self.optimize(*settings, options=options)
        assert ran.code == code, ran.err
        assert snapshot(self.folder) == before
        return ran.err

    def allocations(self) -> str:
        return (self.plan / "allocations.csv").read_text(encoding="utf-8")

    def json(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.plan / f"{name}.json").read_text(encoding="utf-8"))
        return content


def started(
    arguments: list[str | Path], folder: Path, prelude: str = "", more: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start the command as a process of its own.

    ``prelude`` is run in it first: a place to slow a stage down. It finds the function ``reached(stage)``, which
    leaves the file of that name in ``folder``, so that the test knows where the process is.
    """
    program = (
        "import sys, pathlib\n"
        f"def reached(stage): (pathlib.Path({str(folder)!r}) / stage).touch()\n"
        f"{prelude}\n"
        "import lendplan.cli\n"
        "lendplan.cli.main(sys.argv[1:])\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(more or {})},
    )


def ran(process: subprocess.Popen[str], timeout: float = 60.0) -> Ran:
    """Wait for a process that was started."""
    out, err = process.communicate(timeout=timeout)
    return Ran(process.returncode, out, err)


def logged(caplog: pytest.LogCaptureFixture, least: int = logging.INFO) -> str:
    """Return what was logged, a message a line."""
    return "\n".join(record.getMessage() for record in caplog.records if record.levelno >= least)


def limits(*texts: str) -> str:
    return "limits:\n" + "".join(f"  - {{{text}}}\n" for text in texts)
