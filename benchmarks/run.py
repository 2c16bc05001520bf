"""Run the benchmarks and print one table: ``python benchmarks/run.py [NAME]… [--csv FILE]``."""

from __future__ import annotations

import argparse
import csv
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import build
import solve
import start_up
from measure import Row

BENCHMARKS: dict[str, Callable[[], Iterator[Row]]] = {
    "start_up": start_up.rows,
    "build": build.rows,
    "solve": solve.rows,
}


@dataclass(frozen=True)
class Line:
    """A row of the table: what was measured, and the benchmark that measured it."""

    benchmark: str
    case: str
    seconds: float
    reference: str
    reference_seconds: float
    ratio: float
    wanted: str
    note: str


def main() -> None:
    logging.disable(logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all unless given"
    )
    parser.add_argument("--csv", type=Path, help="write the table to this file, too")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    lines: list[Line] = []
    for name in arguments.names or BENCHMARKS:
        for row in BENCHMARKS[name]():
            line = Line(
                name,
                row.case,
                row.seconds,
                row.reference,
                row.reference_seconds,
                row.ratio,
                row.wanted,
                row.note,
            )
            lines.append(line)
            print(
                f"{name:9} {row.case:58} {row.seconds:8.3f} s  against {row.reference:32} "
                f"{row.reference_seconds:8.3f} s  ratio {row.ratio:7.3f}  {row.wanted:8} {row.note}",
                flush=True,
            )
    if arguments.csv:
        with arguments.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([column.name for column in fields(Line)])
            writer.writerows(astuple(line) for line in lines)


if __name__ == "__main__":
    main()
