"""The commands of ``rate`` on loan histories: a scorecard, and grades under the default pyramid."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lendplan.rateoptions import OutputOption, SeedOption

if TYPE_CHECKING:
    from lendplan.rating.records import Output

LoansArgument = Annotated[
    Path, typer.Argument(metavar="LOANS", help="The loan history: a .csv, .parquet or .xlsx file.")
]
GradesOption = Annotated[int, typer.Option(metavar="NUMBER", help="Grades, from AAA on.", min=1, max=9)]
ShareOption = Annotated[
    float, typer.Option(metavar="FRACTION", help="Least share of the loans in each grade.", min=0.0, max=1.0)
]
RiseOption = Annotated[
    float,
    typer.Option(
        metavar="FRACTION",
        help="By how much the loss rate rises at least from grade to grade.",
        min=0.0,
        max=1.0,
    ),
]
LevelsOption = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER", help="Round scores to so many levels first; quicker, and no longer exact.", min=2
    ),
]


class Weighting(StrEnum):
    """How indicators are weighted."""

    variation = "variation"
    auc = "auc"
    equal = "equal"


def scorecard(
    loans: LoansArgument,
    indicators: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="What the columns mean: a table of indicator, column, kind and direction."
        ),
    ],
    model: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the scorecard, as JSON.")],
    output: OutputOption,
    grades: GradesOption = 9,
    least_share: ShareOption = 0.02,
    least_rise: RiseOption = 0.0,
    levels: LevelsOption = None,
    weighting: Annotated[
        Weighting,
        typer.Option(help="How indicators are weighted: by coefficient of variation, by AUC, or equally."),
    ] = Weighting.variation,
    years: Annotated[
        float,
        typer.Option(
            metavar="YEARS",
            help="Years until a loan's outcome was known, on average; losses are turned into a year's.",
            min=0.01,
        ),
    ] = 1.0,
    folds: Annotated[
        int,
        typer.Option(
            metavar="NUMBER", help="Folds of the check on loans held out; 0 for none.", min=0, max=50
        ),
    ] = 5,
    seed: SeedOption = 2027,
) -> None:
    """Fit a scorecard on a loan history: indicators chosen and weighted, scores, grades under the default pyramid."""
    from lendplan import rateplacing
    from lendplan.rating.loans.scorecard import Options
    from lendplan.rating.loans.scoring import scorecard as fitted

    options = Options(
        grades=grades,
        least_share=least_share,
        least_rise=least_rise,
        levels=levels,
        weighting=weighting.value,
        years=years,
    )
    made = fitted(loans, indicators, options, folds=folds, seed=seed)
    files = dict(made.files)
    content = files.pop("score.json")
    rateplacing.write(output, files, ours=rateplacing.SCORECARD_FILES, model=(model, content))
    show(made, output)
    typer.echo(f"The scorecard is in {model}")


def pyramid(
    loans: LoansArgument,
    output: OutputOption,
    grades: GradesOption = 9,
    least_share: ShareOption = 0.02,
    least_rise: RiseOption = 0.0,
    levels: LevelsOption = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="OURS=THEIRS",
            help="Another header for enterprise, score, receivable or defaulted.",
        ),
    ] = None,
) -> None:
    """Divide loans that have scores already into grades whose loss rate rises strictly as they worsen."""
    from lendplan import rateplacing
    from lendplan.rating.loans.scoring import pyramid as divided

    named: dict[str, str] = {}
    for text in columns or ():
        ours, is_pair, theirs = text.partition("=")
        if not is_pair or ours not in ("enterprise", "score", "receivable", "defaulted") or not theirs:
            raise typer.BadParameter(f"{text!r} is no OURS=THEIRS", param_hint="--column")
        named[ours] = theirs
    made = divided(
        loans,
        columns=named,
        grades=grades,
        least_share=least_share,
        least_rise=least_rise,
        levels=levels,
    )
    rateplacing.write(output, made.files, ours=rateplacing.PYRAMID_FILES)
    show(made, output)


def show(made: Output, output: Path) -> None:
    """Print what a command has made."""
    typer.echo("\n".join((*made.lines, f"Written to {output}")))
