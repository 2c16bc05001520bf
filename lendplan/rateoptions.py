"""Arguments and options that the commands of ``rate`` share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Duplicates(StrEnum):
    """What is done with rows that repeat another."""

    drop = "drop"
    keep = "keep"


class FileKind(StrEnum):
    """Kind of the files of a folder."""

    csv = "csv"
    parquet = "parquet"


class Method(StrEnum):
    """How a grade's few defaults become a probability."""

    jeffreys = "jeffreys"
    pluto_tasche = "pluto_tasche"


InputArgument = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT",
        help="A workbook with sheets of enterprises and invoices, or a folder with enterprises.csv and invoices.csv "
        "(or .parquet).",
    ),
]
ModelArgument = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="A fitted rating or a scorecard, the JSON file that fitting wrote."),
]
LoansArgument = Annotated[
    Path, typer.Argument(metavar="LOANS", help="The loan history: a .csv, .parquet or .xlsx file.")
]
FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder that `rate fit` wrote.")]
ModelOption = Annotated[
    Path, typer.Option("--model", metavar="FILE", help="Where to write the fitted rating, as JSON.")
]
OutputOption = Annotated[Path, typer.Option("--output", metavar="DIR", help="Where to write the tables.")]
SeedOption = Annotated[int, typer.Option(metavar="NUMBER", help="Seed of all that is drawn.", min=0)]
TreesOption = Annotated[int, typer.Option(metavar="NUMBER", help="Trees of a forest.", min=50, max=5000)]
DuplicatesOption = Annotated[
    Duplicates, typer.Option(help="What is done with rows that repeat another in every column.")
]
GradesOption = Annotated[
    str | None,
    typer.Option(
        metavar="GRADES",
        help='All grades from best to worst, such as "AAA,AA,A"; unless given, letters run as usual, and of numbers 1 '
        "is best.",
    ),
]
RunOption = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="What the run is called in the history; its time and the model's hash unless given.",
    ),
]
LossOption = Annotated[
    str | None,
    typer.Option(
        "--lgd",
        metavar="FRACTION",
        help="Loss given default of all, such as 50%, before guarantees; without it the risk weight is left to the "
        "scenario.",
    ),
]
GuaranteesOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Guarantees and pledges, a table.")
]
AgenciesOption = Annotated[Path | None, typer.Option(metavar="FILE", help="Third-party ratings, a table.")]
ScaleOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The master scale that maps the agencies' ratings to grades."),
]
HistoryOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A grade history (SQLite) to which this rating is added."),
]


def in_order(text: str | None, option: str = "--grades") -> tuple[str, ...] | None:
    """Return grades that are listed from best to worst."""
    if text is None:
        return None
    grades = tuple(part.strip() for part in text.replace("，", ",").split(","))
    if len(grades) < 2 or not all(grades) or len(set(grades)) < len(grades):
        message = (
            f'{text!r} does not list two grades or more, each once, from best to worst; write "AAA,AA,A"'
        )
        raise typer.BadParameter(message, param_hint=option)
    return grades


def between(value: float | None, option: str) -> float | None:
    """Return a number that must lie between 0 and 1."""
    if value is not None and not 0 < value < 1:
        raise typer.BadParameter(f"{value:g} is not between 0 and 1", param_hint=option)
    return value


def open_fraction(text: str | None, option: str) -> float | None:
    """Return a fraction such as ``3%`` that must lie between 0 and 1."""
    if text is None:
        return None
    from lendplan.raterun import fraction

    return between(fraction(text, option), option)


def run_belongs_to_history(run: str | None, history: Path | None) -> None:
    """Refuse a run's name that is blank, or that no history would keep."""
    if run is not None and (history is None or not run.strip()):
        why = "needs --history" if history is None else "is blank"
        raise typer.BadParameter(why, param_hint="--run")
