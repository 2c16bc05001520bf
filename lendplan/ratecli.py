"""The command ``rate``. It prints; everything it calls only returns, logs or raises.

Nothing heavy is imported here: ``rate --help`` needs neither tables nor a forest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lendplan.commandline import JsonOption, main_of, print_json, print_version, run_of
from lendplan.rateloans import pyramid, scorecard, show
from lendplan.rateoptions import (
    AgenciesOption,
    Duplicates,
    DuplicatesOption,
    FileKind,
    FolderArgument,
    GradesOption,
    GuaranteesOption,
    HistoryOption,
    InputArgument,
    LossOption,
    Method,
    ModelArgument,
    ModelOption,
    OutputOption,
    RunOption,
    ScaleOption,
    SeedOption,
    TreesOption,
    between,
    in_order,
    open_fraction,
    run_belongs_to_history,
)

if TYPE_CHECKING:
    from lendplan.rating.records import Output

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Rate enterprises by their invoices, or loans by their history: grades, default probabilities and risk "
    "weights in one table, `ratings.csv`, that goes straight into a scenario of `optimize`.",
)


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


@app.command()
def fit(
    source: InputArgument,
    model: ModelOption,
    output: OutputOption,
    seed: SeedOption = 2027,
    trees: TreesOption = 500,
    grades: GradesOption = None,
    duplicates: DuplicatesOption = Duplicates.drop,
    probability: Annotated[
        Method, typer.Option(help="How a grade's few defaults become a probability.")
    ] = Method.jeffreys,
    confidence: Annotated[
        float | None,
        typer.Option(
            metavar="FRACTION", help="Confidence of the bound, between 0 and 1; 0.75 for pluto_tasche."
        ),
    ] = None,
    central_tendency: Annotated[
        str | None,
        typer.Option(
            metavar="FRACTION",
            help="Default rate of the portfolio that the rating is for, where the sample's is another.",
        ),
    ] = None,
    loss: LossOption = None,
    guarantees: GuaranteesOption = None,
    agencies: AgenciesOption = None,
    scale: ScaleOption = None,
    history: HistoryOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn a rating from the enterprises whose grade is known, and rate all of them."""
    from lendplan import rateplacing, raterun
    from lendplan.rating.fitted import Options

    run_belongs_to_history(run, history)
    options = Options(
        seed=seed,
        trees=trees,
        probability_method=probability.value,
        confidence=between(confidence, "--confidence"),
        central_tendency=open_fraction(central_tendency, "--central-tendency"),
        grades=in_order(grades),
    )
    tables = raterun.Tables(loss, guarantees, agencies, scale)
    content, digest, rated, made = raterun.fit(source, options, tables, duplicates.value)
    rateplacing.write(
        output,
        made.files,
        model=(model, content),
        history=rateplacing.entry(history, run, rated, digest),
    )
    _show(made, output, as_json=as_json)
    if not as_json:
        typer.echo(f"The fitted rating is in {model}")


@app.command()
def apply(
    model: ModelArgument,
    source: InputArgument,
    output: OutputOption,
    duplicates: DuplicatesOption = Duplicates.drop,
    loss: LossOption = None,
    guarantees: GuaranteesOption = None,
    agencies: AgenciesOption = None,
    scale: ScaleOption = None,
    history: HistoryOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rate enterprises by a rating that was fitted before, or applicants by a scorecard."""
    from lendplan import rateplacing, raterun

    run_belongs_to_history(run, history)
    if raterun.is_scorecard(model):
        raterun.refuse_with_scorecard(loss, guarantees, agencies, scale, history)
        scored = raterun.apply_scorecard(model, source)
        rateplacing.write(output, scored.files, ours=rateplacing.SCORECARD_FILES)
        show(scored, output)
        return
    fitted, digest = raterun.read_fitted(model)
    tables = raterun.Tables(loss, guarantees, agencies, scale)
    rated, made = raterun.apply(fitted, digest, source, tables, duplicates.value)
    rateplacing.write(output, made.files, history=rateplacing.entry(history, run, rated, digest))
    _show(made, output, as_json=as_json)


@app.command()
def validate(
    source: InputArgument,
    repeats: Annotated[int, typer.Option(metavar="NUMBER", help="Repeats.", min=1, max=1000)] = 20,
    folds: Annotated[int, typer.Option(metavar="NUMBER", help="Folds of each repeat.", min=2, max=50)] = 5,
    seed: SeedOption = 2027,
    trees: TreesOption = 500,
    grades: GradesOption = None,
    duplicates: DuplicatesOption = Duplicates.drop,
    as_json: JsonOption = False,
) -> None:
    """Tell by repeated cross-validation how well grades and defaults are forecast, by the forest and a plain model."""
    from lendplan import raterun

    found = raterun.validate(
        source,
        duplicates.value,
        repeats=repeats,
        folds=folds,
        seed=seed,
        trees=trees,
        grades=in_order(grades),
    )
    if as_json:
        print_json(found.to_dict())
    else:
        typer.echo("\n".join(found.lines()))


@app.command()
def watch(
    model: ModelArgument,
    source: InputArgument,
    thresholds: Annotated[
        list[str] | None,
        typer.Option(
            "--threshold",
            metavar="SIGNAL=WATCH:SEVERE",
            help="Other thresholds of a signal, such as sales_fell=20%:40%.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the signals as a .csv file as well.")
    ] = None,
    duplicates: DuplicatesOption = Duplicates.drop,
    as_json: JsonOption = False,
) -> None:
    """Early warning: hold new invoices against those that a rating was fitted on."""
    from lendplan import rateplacing, raterun

    found = raterun.watch(model, source, thresholds or (), duplicates.value)
    if output is not None:
        rateplacing.write_file(output, found.to_csv(), is_ours=rateplacing.is_signals)
    if as_json:
        print_json(found.to_dict())
    else:
        typer.echo("\n".join(found.lines()))


@app.command()
def report(
    folder: FolderArgument,
    enterprise: Annotated[str, typer.Argument(metavar="ENTERPRISE", help="The id of an enterprise.")],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as a page as well.")
    ] = None,
    history: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The grade history, for earlier ratings.")
    ] = None,
) -> None:
    """Show the rating report of one enterprise: its score, what raised and lowered it, and the data it rests on."""
    from lendplan import rateplacing, raterun

    card = raterun.card(folder, enterprise, history)
    if html is not None:
        from lendplan.rating.card.page import card_html
        from lendplan.reports.onefile import is_page

        rateplacing.write_file(html, card_html(card).encode(), is_ours=is_page)
    from lendplan.rating.card.text import card_text

    typer.echo(card_text(card), nl=False)


@app.command()
def history(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The grade history, an SQLite file.")],
    enterprise: Annotated[
        str | None,
        typer.Argument(metavar="[ENTERPRISE]", help="The id of an enterprise; all runs without it."),
    ] = None,
    moves: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="RUN RUN", help="Count which grades moved where between two runs."),
    ] = None,
) -> None:
    """Show what a grade history holds: its runs, one enterprise's grades, or the moves between two runs."""
    from lendplan import raterun

    if enterprise is not None and moves is not None:
        raise typer.BadParameter("tells of all enterprises; leave ENTERPRISE out", param_hint="--moves")
    typer.echo("\n".join(raterun.history_lines(file, enterprise, moves)))


@app.command()
def simulate(
    output: Annotated[
        Path, typer.Option(metavar="DIR|FILE.xlsx", help="A folder, or a workbook as a bank would send it.")
    ],
    size: Annotated[int, typer.Option(metavar="NUMBER", help="Enterprises.", min=1, max=10_000_000)] = 123,
    seed: SeedOption = 2027,
    months: Annotated[int, typer.Option(metavar="NUMBER", help="Months of invoices.", min=1, max=600)] = 36,
    invoices: Annotated[
        float,
        typer.Option(metavar="NUMBER", help="Invoices a month, of an enterprise in the middle.", min=0.01),
    ] = 12.0,
    unrated: Annotated[
        float, typer.Option(metavar="FRACTION", help="Share without a grade.", min=0.0, max=1.0)
    ] = 0.15,
    kind: Annotated[FileKind, typer.Option(help="Kind of the folder's files.")] = FileKind.csv,
) -> None:
    """Write simulated enterprises and invoices: none of them exists; the same seed gives the same files."""
    from lendplan import raterun

    files = raterun.simulate(
        output,
        size=size,
        seed=seed,
        months=months,
        invoices_per_month=invoices,
        unrated=unrated,
        kind=kind.value,
    )
    typer.echo(f"Written to {', '.join(map(str, files))}; every enterprise in it is made up")


app.command()(scorecard)
app.command()(pyramid)


def _show(made: Output, output: Path, *, as_json: bool) -> None:
    if as_json:
        import json

        print_json(json.loads(made.files["process.json"]))
    else:
        show(made, output)


def main(arguments: list[str] | None = None) -> None:
    """Run the command and end the process."""
    main_of(app, "rate", arguments)


def run(arguments: list[str]) -> int:
    """Run the command with these arguments and return its exit code."""
    return run_of(app, "rate", arguments)
