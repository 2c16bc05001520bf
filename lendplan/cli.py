"""The command ``optimize``. It prints; everything it calls only returns, logs or raises.

Nothing heavy is imported here: ``optimize --help`` needs neither tables nor a solver.
"""

from __future__ import annotations

import json
import logging
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from lendplan.commandline import JsonOption, console, main_of, print_json, print_version, resources, run_of
from lendplan.foldercli import FOLDER_COMMANDS

if TYPE_CHECKING:
    from lendplan.frontier import Frontier
    from lendplan.run import Scenario
    from lendplan.sweep.sweeping import Swept

_PLAN = "plan"  # the command that a bare `optimize SCENARIO` stands for


class _ScenarioFirst(TyperGroup):
    """A group whose first word may be a scenario instead of a command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        asks_help = bool(args) and args[0] in ("--help", "--version")
        if args and not asks_help and args[0] not in self.commands:
            self._refuse_misspelt(ctx, args[0])
            args = [_PLAN, *args]
        return super().parse_args(ctx, args)

    def _refuse_misspelt(self, ctx: Any, word: str) -> None:
        near = get_close_matches(word, self.commands, n=1)
        if near and not Path(word).suffix and not Path(word).exists():
            ctx.fail(f"there is neither a command nor a scenario {word!r}; did you mean {near[0]!r}?")


app = typer.Typer(
    cls=_ScenarioFirst,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Decide which small enterprises get a loan, at what annual rate and with what credit line, under one "
    "budget. `optimize SCENARIO` stands for `optimize plan SCENARIO`.",
)

ScenarioArgument = Annotated[Path, typer.Argument(metavar="SCENARIO", help="The scenario, a YAML file.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a key of the scenario, e.g. budget.total=12000."
    ),
]


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


@app.command(_PLAN)
def plan(
    scenario: ScenarioArgument,
    overrides: SetOption = None,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write, instead of the scenario's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find the best plan of a scenario, of each point of its sweep, or its frontier; check and write it as a folder."""
    from lendplan.errors import INTERRUPTED, LIMIT_REACHED
    from lendplan.plan import output_folder
    from lendplan.reports.progress import search_display
    from lendplan.reports.terminal import show_plan
    from lendplan.run import load
    from lendplan.solvers.result import SolutionStatus, StopReason

    asked = _held(load(scenario, overrides or ()))
    if asked.settings.sweep or asked.settings.frontier is not None:
        _plan_many(asked, output, as_json=as_json)
        return
    workbook = None
    if asked.settings.treasury is not None:
        from lendplan.treasury import Workbook

        workbook = Workbook(asked.settings, [record.path for record in asked.case.inputs])
    output_folder(asked.case, output)  # a folder that cannot be written to is no reason to search first
    with search_display() as watch:
        found = asked.solve(watch)
    if found.result.stop is StopReason.INTERRUPTED:
        raise typer.Exit(INTERRUPTED)
    written = found.write(output, **({} if workbook is None else {"once_checked": workbook.filling(found)}))
    summary = json.loads((written / "summary.json").read_text(encoding="utf-8"))
    if as_json:
        print_json(summary)
    else:
        show_plan(console(), asked.heading, summary, found.totals_by_grade, found.limits, str(written))
    for line in () if workbook is None else workbook.told:
        typer.echo(line, err=True)
    if found.result.solution is not SolutionStatus.OPTIMAL:
        why = {
            StopReason.TIME_LIMIT: f"the time limit of {asked.settings.solver.time_limit:g} s was reached",
            StopReason.EFFORT: "what a book of this size can be searched for was done",
            StopReason.FAILED: f"the solver gave up ({found.result.detail})",
        }.get(found.result.stop, "the solver stopped a little")
        typer.echo(
            f"{why} before the gap of {asked.settings.solver.gap:g} was proven; the plan written is the best so far. "
            + ("Loosen solver.gap" if found.result.stop is StopReason.EFFORT else _REMEDY),
            err=True,
        )
        raise typer.Exit(LIMIT_REACHED)


def _plan_many(asked: Scenario, output: Path | None, *, as_json: bool) -> None:
    """Solve a sweep or a frontier, show it, and end with the code of its worst point."""
    from lendplan.errors import INTERRUPTED
    from lendplan.reports.manyplans import show_frontier, show_sweep
    from lendplan.reports.progress import points_display

    found: Swept | Frontier
    with points_display() as display:
        try:
            if asked.settings.frontier is not None:
                from lendplan.frontier import frontier

                found = frontier(asked, output, display.watch)
            else:
                from lendplan.sweep.sweeping import sweep

                found = sweep(asked, output, display.watch)
        except KeyboardInterrupt:
            display.stop()
            if display.done:
                typer.echo(
                    f"{display.done} of {display.points} points are kept aside; the same command goes on from there",
                    err=True,
                )
            raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print_json(found.record)
    else:
        show = show_frontier if asked.settings.frontier is not None else show_sweep
        show(console(), asked.heading, found.rows, str(found.final))
    for line in found.faults:
        typer.echo(line, err=True)
    if found.code:
        raise typer.Exit(found.code)


_REMEDY = "Raise solver.time_limit, or loosen solver.gap"


@app.command()
def check(scenario: ScenarioArgument, overrides: SetOption = None) -> None:
    """Read and check a scenario and its tables, and tell what was normalised or left out; solve nothing."""
    from lendplan.run import load

    logging.getLogger("lendplan").setLevel(logging.INFO)

    asked = _held(load(scenario, overrides or ()))
    points = ""
    if asked.settings.sweep:
        from lendplan.sweep.sweeping import checked_points

        points = f"{_counted(len(checked_points(asked)), 'point')} to sweep; "
    problem = asked.case.problem
    if asked.settings.treasury is not None:
        from lendplan.treasury import check_cells

        check_cells(asked.settings, [row.name for row in problem.limits])
    typer.echo(
        f"{scenario}: {_counted(asked.case.book.table.rows, 'enterprise')}, {asked.eligible:,} eligible; "
        f"{len(problem.rates)} rates from {100 * problem.rates[0]:.6g} % to {100 * problem.rates[-1]:.6g} %; "
        f"{_counted(len(problem.limits), 'limit')}; {points}nothing is wrong"
    )


@app.command()
def score(
    scenario: ScenarioArgument,
    allocations: Annotated[
        Path, typer.Argument(metavar="ALLOCATIONS", help="Table of enterprise, line and rate.")
    ],
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Value a given allocation, name the limits it breaks, and say how far it is from the best plan."""
    from lendplan.reports.score import show_score
    from lendplan.run import load

    asked = load(scenario, overrides or ())
    scored = asked.score(allocations)
    if as_json:
        print_json(scored.summary)
    else:
        show_score(console(), asked.heading, scored.summary, scored.limits)


@app.command()
def pull(scenario: ScenarioArgument, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """Read edited lines and rates back out of the treasury's workbook, and score them."""
    from lendplan.reports.score import show_score
    from lendplan.run import load
    from lendplan.treasury import pulled

    asked = load(scenario, overrides or ())
    allocation, strangers = pulled(asked)
    if strangers:
        typer.echo(f"{len(strangers):,} rows of the sheet are of none of the book's enterprises", err=True)
    scored = asked.score(allocation)
    if as_json:
        print_json(scored.summary)
    else:
        show_score(console(), asked.heading, scored.summary, scored.limits)


for _command in FOLDER_COMMANDS:
    app.command()(_command)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a scenario, for editors."""
    from lendplan.scenario import json_schema

    print_json(json_schema())


def _held(asked: Scenario) -> Scenario:
    """Return a scenario whose cluster, where it has one, is closed when the command ends."""
    return resources.enter_context(asked)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def main(arguments: list[str] | None = None) -> None:
    """Run the command and end the process."""
    main_of(app, "optimize", arguments)


def run(arguments: list[str]) -> int:
    """Run the command with these arguments and return its exit code."""
    return run_of(app, "optimize", arguments)
