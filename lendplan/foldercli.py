"""The commands of ``optimize`` on a folder that it wrote. They print; what they call only returns, logs or raises.

Nothing heavy is imported here: ``optimize --help`` needs neither tables nor a solver.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from lendplan.commandline import JsonOption, console, print_json

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a plan.")]
AnyFolderArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder of a plan, a sweep or a frontier.")
]


def verify(folder: AnyFolderArgument) -> None:
    """Repeat the independent check of a written plan, or of every point of a sweep or a frontier."""
    from lendplan.certify.plan import verify as check_folder
    from lendplan.errors import CHECK_FAILED
    from lendplan.written import holds_points

    if holds_points(folder):
        _verify_points(folder)
        return
    report = check_folder(folder)
    for failed in report.failed:
        typer.echo(f"FAILED  {failed.name}: {failed.detail}")
    passed = len(report.checks) - len(report.failed)
    typer.echo(f"{folder}: {passed} of {len(report.checks)} checks passed")
    for note in report.notes:
        typer.echo(f"note: {note}")
    if not report.passed:
        raise typer.Exit(CHECK_FAILED)


def _verify_points(folder: Path) -> None:
    from lendplan.errors import CHECK_FAILED
    from lendplan.pointscheck import check_points, faults_of_table
    from lendplan.reports.progress import points_display

    with points_display() as display:
        points = list(check_points(folder, display.show))
    faults = faults_of_table(folder)
    for fault in faults:
        typer.echo(f"FAILED  {fault}")
    for point in points:
        for failed in point.failed:
            typer.echo(f"FAILED  point {point.number}: {failed}")
    with_plan = [point for point in points if point.folder is not None]
    passed = sum(not point.failed for point in with_plan)
    checks = sum(point.checks for point in with_plan)
    typer.echo(f"{folder}: {passed} of {len(with_plan)} points passed, {checks:,} checks in all")
    if len(with_plan) < len(points):
        typer.echo(
            f"note: {len(points) - len(with_plan)} of {len(points)} points have no plan, and claim nothing"
        )
    typer.echo("the table of points says otherwise" if faults else "the table of points says what they say")
    if passed < len(with_plan) or faults:
        raise typer.Exit(CHECK_FAILED)


def explain(
    folder: FolderArgument,
    enterprise: Annotated[str, typer.Argument(metavar="ENTERPRISE", help="The id of an enterprise.")],
    as_json: JsonOption = False,
) -> None:
    """Say why an enterprise is lent to or not, what its loan is worth and charged, and what would turn the decision."""
    from lendplan.planfolder import explain as explain_in
    from lendplan.reports.explanation import explanation_lines

    record = explain_in(folder, enterprise).to_dict()
    if as_json:
        print_json(record)
    else:
        typer.echo("\n".join(explanation_lines(record)))


def quote(
    folder: FolderArgument,
    grade: Annotated[str, typer.Option(metavar="GRADE", help="The applicant's credit grade.")],
    risk_weight: Annotated[
        str | None,
        typer.Option(metavar="FRACTION", help="Loss expected per currency of exposure, such as 3%."),
    ] = None,
    default_probability: Annotated[
        str | None, typer.Option(metavar="FRACTION", help="Probability of default, instead of, or beside it.")
    ] = None,
    line_max: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="Largest line; the scenario's unless given.")
    ] = None,
    line_min: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="Least line; the scenario's unless given.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="COLUMN=VALUE", help="Another column of the book, such as those that limits use."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Quote rate and line for a new applicant from a plan's prices, without solving again."""
    from lendplan.planfolder import read_plan
    from lendplan.reports.explanation import quote_lines

    further: dict[str, str] = {}
    for text in columns or ():
        name, is_pair, value = text.partition("=")
        if not is_pair or not name or name in further:
            what = "is given twice" if name in further else "is no COLUMN=VALUE"
            raise typer.BadParameter(f"{text!r} {what}", param_hint="--set")
        further[name] = value
    record = (
        read_plan(folder)
        .quote(
            grade=grade,
            risk_weight=risk_weight,
            default_probability=default_probability,
            line_max=line_max,
            line_min=line_min,
            columns=further,
        )
        .to_dict()
    )
    if as_json:
        print_json(record)
    else:
        typer.echo("\n".join(quote_lines(record)))


def diff(
    before: FolderArgument,
    after: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a later plan.")],
    as_json: JsonOption = False,
) -> None:
    """Compare two written plans: who gained, who lost, and why the totals moved."""
    from lendplan.diff import diff as compare
    from lendplan.reports.difference import show_difference

    record = compare(before, after).to_dict()
    if as_json:
        print_json(record)
    else:
        show_difference(console(), record)


def workbook(
    folder: AnyFolderArgument,
    point: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="The point of a sweep or a frontier: the row of its table, from 1. The knee, or of a sweep the "
            "point nearest to the scenario's own values, unless given.",
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Override a key of `treasury`, e.g. treasury.save_as=new.xlsx."
        ),
    ] = None,
    new: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a new workbook, .xlsx, instead of the treasury's."),
    ] = None,
    frontier: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder of a frontier to show in the new workbook."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a plan, or a point of a sweep or a frontier, into the treasury's workbook, or into a new one."""
    from lendplan.planworkbook import fill_treasury, write_workbook

    if new is not None and overrides:
        raise typer.BadParameter("is for the treasury's workbook; --new writes another", param_hint="--set")
    if new is None and frontier is not None:
        raise typer.BadParameter("is for a new workbook; add --new FILE.xlsx", param_hint="--frontier")
    written = (
        fill_treasury(folder, point, overrides or ())
        if new is None
        else write_workbook(folder, new, point, frontier)
    )
    if as_json:
        print_json(written.record)
    else:
        typer.echo("\n".join([written.heading, *written.done]))
    for note in written.notes:
        typer.echo(note, err=True)


def report(
    folder: AnyFolderArgument,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write the page, such as report.html.")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder for the figures, each as SVG and as PNG.")
    ] = None,
    point: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="The point of a sweep or a frontier that is shown first: the row of its table, from 1. The knee, or "
            "of a sweep the point nearest to the scenario's own values, unless given.",
        ),
    ] = None,
) -> None:
    """Check a plan, a sweep or a frontier again, and make a page of it that needs no network, or its figures."""
    from lendplan.planreport import report_of
    from lendplan.reportfiles import refuse_places, write_report
    from lendplan.reports.progress import points_display

    if html is None and figures is None:
        raise typer.BadParameter("name a file for the page, or a folder for the figures", param_hint="--html")
    refuse_places(folder, html, figures)
    with points_display() as display:
        told = report_of(folder, point, display.show)
    for path in write_report(told, html, figures):
        typer.echo(f"Written to {path}")


FOLDER_COMMANDS: tuple[Callable[..., None], ...] = (verify, explain, quote, diff, report, workbook)
"""In the order in which the help names them."""
