"""Run the benchmarks and print one table: ``python benchmarks/run.py [NAME]… [--quick] [--csv FILE]``."""

from __future__ import annotations

import argparse
import csv
import importlib
import logging
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from measure import Settings

# Each is a module with `rows(settings)`. The last two take hours, and run by name only.
SHORT = ("start_up", "build", "solve", "sweeps", "workbooks")
LONG = ("goals", "against_peers")


def main() -> None:
    logging.disable(logging.WARNING)
    names = [*SHORT, *LONG]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; {', '.join(SHORT)} unless given"
    )
    parser.add_argument("--csv", type=Path, help="write the table to this file, too")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes and short times, to see that all works"
    )
    parser.add_argument("--seconds", type=float, help="for one solve, build included")
    parser.add_argument("--sizes", type=_numbers, help="enterprises, as 100,302")
    parser.add_argument("--limits", type=_numbers, help="beside the budget, as 2,12")
    parser.add_argument("--methods", type=_words, help="as ours,highs_plain,scip; only against_peers asks")
    parser.add_argument("--seeds", type=_numbers, help="of the instances, as 1,2,3")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in names]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(names)}")
    settings = Settings(given.quick, given.seconds, given.sizes, given.limits, given.methods, given.seeds)
    lines: list[dict[str, Any]] = []
    for name in given.names or SHORT:
        for row in importlib.import_module(name).rows(settings):
            lines.append({"benchmark": name, **row.cells()})
            print(f"{name:13} {row.text()}", flush=True)
            if given.csv:  # as it stands, so that an interrupted run keeps what it has
                _write(given.csv, lines)


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    columns = list(dict.fromkeys(column for line in lines for column in line))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part.replace("_", "")) for part in text.split(","))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


if __name__ == "__main__":
    main()
