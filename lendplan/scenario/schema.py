"""The scenario's schema: each key with its unit and default; the string under a key is its entry in the manual."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from lendplan.data.findings import did_you_mean
from lendplan.scenario.fieldtypes import (
    Amount,
    Cluster,
    Fraction,
    LimitValue,
    Positive,
    Swept,
    Text,
    Texts,
    check_fraction,
    problem,
)
from lendplan.scenario.sweptvalues import MOST_POINTS, NOT_SWEPT
from lendplan.scenario.values import Bound

PLAN_COLUMNS = (
    "enterprise",
    "grade",
    "decision",
    "rate",
    "line",
    "exposure",
    "interest",
    "revenue",
    "risk",
    "value",
    "reason",
)
"""Columns of ``allocations.csv`` that can go into a workbook."""


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _null_is_left_out(cls, value: Any) -> Any:
        """Drop known keys that are null, so that a scenario can take back what the one it extends has set."""
        if not isinstance(value, Mapping):
            return value
        return {key: one for key, one in value.items() if one is not None or key not in cls.model_fields}


class Rates(_Block):
    """The annual rates that may be offered."""

    min: Fraction | None = None
    """Lowest annual rate, a fraction; the churn table's first unless given."""
    max: Fraction | None = None
    """Highest annual rate, a fraction; the churn table's last unless given."""
    step: Fraction | None = None
    """Distance between rates, a fraction: min, min + step, … and always max; the churn table's own rates unless
    given."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise problem(f"is {self.min:g}, above `max`, which is {self.max:g}; exchange them", "min")
        if self.step == 0:
            raise problem("must be above 0; leave it out for the churn table's own rates", "step")
        return self


class Lines(_Block):
    """The credit lines that may be granted; a row's own line_min, line_max and line_step come first."""

    min: Amount
    """Smallest line that is granted at all, in the scenario's unit; a line is 0 or at least this."""
    max: Positive
    """Largest line, in the scenario's unit."""
    step: Positive | None = None
    """Lines are multiples of this, in the scenario's unit; any line unless given."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise problem(f"is {self.min:g}, above `max`, which is {self.max:g}; exchange them", "min")
        return self


class Budget(_Block):
    """What may be lent in all."""

    total: Amount
    """The budget, in the scenario's unit; 0 gives an empty plan."""
    basis: Literal["line", "exposure"] = "line"
    """What the budget counts: `line`, what is committed (the default), or `exposure`, what is expected to be
    drawn."""


class Economics(_Block):
    """What a loan earns and costs."""

    funding_cost: Fraction = 0.0
    """Cost of funds, a fraction of the exposure a year; none unless given."""
    operating_cost: Fraction = 0.0
    """Running cost, a fraction of the exposure a year; none unless given."""
    fixed_cost: Amount = 0.0
    """Cost of each loan, in the scenario's unit; none unless given."""
    utilisation: Fraction = 1.0
    """Share of a line that is drawn, a fraction; all of it unless given."""
    loss_given_default: Fraction = 0.5
    """Share of the exposure that is lost when an enterprise defaults, a fraction, for rows that bring none of their
    own; half unless given."""
    default_multiplier: Amount = 1.0
    """Scales every default probability (a probability stays at most 1); 1, as the tables have it, unless given."""
    loss_multiplier: Amount = 1.0
    """Scales every loss given default (it stays at most 1); 1, as the tables have it, unless given."""
    interest_lost_on_default: bool = False
    """Whether an enterprise that defaults pays no interest; it pays unless given."""
    risk_basis: Literal["exposure", "line"] = "exposure"
    """What the risk weight multiplies: `exposure`, what is expected to be drawn (the default), or `line`, what is
    committed."""


class Ranges(_Block):
    """The ends between which revenue and risk are scaled, in the scenario's unit."""

    revenue_max: float
    """Revenue that counts as 1, in the scenario's unit."""
    revenue_min: float
    """Revenue that counts as 0, in the scenario's unit."""
    risk_max: float
    """Risk that counts as 1, in the scenario's unit."""
    risk_min: float
    """Risk that counts as 0, in the scenario's unit."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in ("revenue", "risk"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if low > high:
                raise problem(
                    f"is {low:g}, above `{name}_max`, which is {high:g}; exchange them", f"{name}_min"
                )
        return self


class Objective(_Block):
    """What the plan makes as large as it can."""

    kind: Literal["weighted", "profit"] = "weighted"
    """`weighted`: scaled revenue less scaled risk (the default); `profit`: revenue less risk, in money."""
    revenue_weight: Fraction = 0.5
    """Weight of revenue in `weighted`, a fraction; risk has the rest; half and half unless given."""
    ranges: Ranges | None = None
    """Frozen ends of the scales in `weighted`; found from the payoff table unless given."""


class Limit(_Block):
    """A bound on one measure over some of the enterprises."""

    name: Text
    """What the limit is called wherever it is shown; no two share a name."""
    measure: Literal["line", "exposure", "interest", "revenue", "risk", "count", "average_rate"]
    """What is counted: money in the scenario's unit, `count` borrowers, or `average_rate`, interest per exposure."""
    where: dict[str, Texts] = {}
    """Column and value, or list of values: only enterprises that have them count; all unless given."""
    by: Text | None = None
    """Column: one limit for each of its values; a single limit unless given."""
    at_most: LimitValue | None = None
    """Upper bound: an amount, a share such as 25%, or for `average_rate` an annual rate; give this or
    `at_least`."""
    at_least: LimitValue | None = None
    """Lower bound: an amount, a share such as 25%, or for `average_rate` an annual rate; give this or
    `at_most`."""
    of: Literal["budget"] | None = None
    """`budget`: the share is one of the budget, for any measure in money; of the same measure over the whole plan
    unless given."""

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        if not name.strip():
            raise problem("is blank; give the limit a name")
        if name in ("budget", "must"):
            raise problem(f"`{name}` is a name that the outputs use themselves; choose another")
        return name

    @field_validator("at_most", "at_least")
    @classmethod
    def _fits_measure(cls, bound: Bound | None, info: ValidationInfo) -> Bound | None:
        measure = info.data.get("measure")
        if bound is None or measure is None:
            return bound
        if measure == "average_rate":
            return Bound("amount", check_fraction(bound.value))
        if bound.kind == "amount" and bound.value < 0 and measure != "revenue":
            raise problem(f"must not be below 0, and is {bound.value:g}")
        return bound

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if self.at_most is not None and self.at_least is not None:
            raise problem("has both `at_most` and `at_least`; write two limits")
        if self.at_most is not None:
            self._check_of(self.at_most, "at_most")
        elif self.at_least is not None:
            self._check_of(self.at_least, "at_least")
        else:
            raise problem("needs `at_most` or `at_least`")
        return self

    def _check_of(self, bound: Bound, key: str) -> None:
        if self.of is None:
            return
        if self.measure in ("count", "average_rate"):
            reason = "the budget is money, and this measure is not"
            raise problem(f"cannot go with `measure: {self.measure}`: {reason}; remove it", "of")
        if bound.kind == "amount":
            raise problem(
                "is an amount, and `of: budget` needs a share such as 25%; write one, or remove `of`", key
            )


class Solver(_Block):
    """How the plan is searched for."""

    method: Literal["auto", "lagrangian", "highs"] = "auto"
    """`lagrangian`: prices and a search, `joint` only, at any size; `highs`: Pyomo and HiGHS, any formulation; `auto`
    (the default) chooses, and the summary says what it chose."""
    gap: Annotated[float, Field(gt=0, lt=1)] = 1e-6
    """Relative gap, a fraction, within which a plan counts as proven; one in a million unless given."""
    time_limit: Positive = 300.0
    """Seconds after which the best plan so far is written; 300 unless given."""
    threads: Annotated[int, Field(ge=1)] = 2
    """Processor threads of the solver; 2 unless given."""
    cluster: Cluster | None = None
    """What solves a book that is a Parquet dataset in parts: `local`, that is `threads` processes, or the address of a
    Dask scheduler; null, this machine alone, in one process."""


class Frontier(_Block):
    """The trade-off between revenue and risk, traced by a bound on the risk."""

    points: Annotated[int, Field(ge=2, le=MOST_POINTS)] = 25
    """How many plans are looked for, evenly spaced in risk from the least to that of the most revenue; 25 unless
    given."""


class Treasury(_Block):
    """The treasury's own workbook, and what of the plan goes where in it."""

    workbook: Text
    """The workbook, .xlsx or .xlsm."""
    save_as: Text | None = None
    """Where the filled workbook goes; the workbook itself is filled unless given."""
    sheet: Text
    """The sheet that has a row for each enterprise."""
    key: Text
    """Header of the column that holds the enterprise id."""
    write: dict[str, Text]
    """Header → column of allocations.csv that goes below it, such as {Line: line, Rate: rate}."""
    cells: dict[str, Text] = {}
    """Cell (Summary!B3) or defined name → key of summary.json that goes there; none unless given."""
    missing: Literal["append", "refuse"] = "append"
    """What becomes of enterprises of the plan that the sheet lacks: `append` adds rows (the default), `refuse` ends
    the run."""
    provenance: bool = True
    """Whether a sheet says where the figures come from; it does unless given."""
    unit: Positive | None = None
    """Amounts are written in multiples of this much currency; the scenario's unit unless given."""

    @field_validator("write")
    @classmethod
    def _columns_of_a_plan(cls, write: dict[str, str]) -> dict[str, str]:
        if not write:
            raise problem("names no header; write at least one, such as {Line: line}")
        for header, column in write.items():
            if column not in PLAN_COLUMNS:
                near = did_you_mean(column, PLAN_COLUMNS)
                raise problem(
                    f"{column!r} is no column of a plan{near or '; they are ' + ', '.join(PLAN_COLUMNS)}",
                    header,
                )
        return write


class Settings(_Block):
    """A scenario: the question that a plan answers."""

    title: Text
    """What the plan is called in reports."""
    currency: Annotated[str, Field(min_length=1, max_length=8)]
    """Currency of every amount, as reports show it, such as CNY."""
    unit: Positive = 1.0
    """Every amount, here, in the tables and in the outputs, is in multiples of this much currency; 1 unless
    given."""
    extends: Annotated[Text | None, Field(exclude=True)] = None
    """Another scenario file that this one changes key by key: mappings merge, all else replaces; none unless
    given. The loader resolves it."""
    enterprises: Text | None = None
    """The book: a .csv, .parquet or .xlsx file (file.xlsx#Sheet), or a folder of .parquet files, with a row for each
    enterprise; required in a file."""
    ratings: Text | None = None
    """File with grades and risk weights; not needed, and none unless given, where the book has these columns."""
    churn: Text | None = None
    """File with the share of customers lost at each rate, a column a grade; the shipped 2019 table unless given."""
    churn_as: dict[str, Text] = {}
    """Grades that borrow another grade's churn curve, such as {AAA: A}; none unless given."""
    columns: dict[str, Text] = {}
    """Our column name, and the header that stands for it in the tables; the same unless given."""
    unrated: Literal["error", "exclude"] = "error"
    """What becomes of an enterprise without a grade: `error` refuses the book (the default), `exclude` leaves the
    enterprise out."""
    exclude_grades: list[str] = ["D"]
    """Grades that get no loan; D unless given."""
    rates: Rates = Rates()
    """The annual rates that may be offered; those of the churn table unless given."""
    churn_fit: Literal["raw", "isotonic", "logistic"] = "raw"
    """How the churn curves are smoothed: `raw` not at all (the default), `isotonic` never falling with the rate,
    `logistic` by a logistic curve."""
    lines: Lines
    """The credit lines that may be granted."""
    budget: Budget
    """What may be lent in all."""
    economics: Economics = Economics()
    """What a loan earns and costs; no costs, and half of a defaulted exposure lost, unless given."""
    objective: Objective = Objective()
    """What the plan makes as large as it can; revenue and risk weighted half and half unless given."""
    formulation: Literal["joint", "two_stage"] = "joint"
    """`joint`: rates and lines together (the default); `two_stage`: lines first, then rates."""
    grade_factor: dict[str, Amount] = {}
    """Factor on the line share of a grade in `two_stage`; 1 unless given."""
    limits: list[Limit] = []
    """Bounds on parts of the plan; none unless given."""
    solver: Solver = Solver()
    """How the plan is searched for; by a solver of lendplan's choice within 300 seconds unless given."""
    sweep: dict[str, Swept] = {}
    """Key → its values, a list or `{from: 0, to: 1, points: 21}`: one plan for each, of several keys for each of their
    product; a limit's key goes by its name, `limits.reach.at_least`; none unless given."""
    frontier: Frontier | None = None
    """The trade-off between revenue and risk instead of one plan; none unless given."""
    treasury: Treasury | None = None
    """The treasury's workbook that the plan is written back to, but for those of a sweep or a frontier; none unless
    given."""
    output: Text | None = None
    """Folder that the plan is written to; plans/ and the scenario's name, beside the scenario, unless given."""

    @field_validator("solver")
    @classmethod
    def _can_take(cls, solver: Solver, info: ValidationInfo) -> Solver:
        if solver.method == "lagrangian" and info.data.get("formulation") == "two_stage":
            raise problem(
                "`lagrangian` solves `joint` and not `two_stage`; write `auto` or `highs`", "method"
            )
        return solver

    @field_validator("sweep")
    @classmethod
    def _sweepable(cls, sweep: dict[str, Any]) -> dict[str, Any]:
        for key in sweep:
            reason = NOT_SWEPT.get(key.split(".")[0]) or NOT_SWEPT.get(key)
            if reason:
                raise problem(f"cannot be swept: {reason}", key)
        return sweep

    @field_validator("frontier")
    @classmethod
    def _one_question(cls, frontier: Frontier | None, info: ValidationInfo) -> Frontier | None:
        if frontier is not None and info.data.get("sweep"):
            raise problem("cannot stand beside `sweep`; remove one of them")
        return frontier

    @model_validator(mode="after")
    def _many_plans_on_one_machine(self) -> Self:
        if self.solver.cluster is not None and self.treasury is not None:
            message = "fills no workbook; write null, or remove `treasury`"
            raise problem(message, "solver")
        if self.solver.cluster is not None and (self.sweep or self.frontier is not None):
            message = "solves one plan, and this scenario asks for several; write null"
            raise problem(message, "solver")
        return self

    @field_validator("limits")
    @classmethod
    def _distinct(cls, limits: list[Limit]) -> list[Limit]:
        first: dict[str, int] = {}
        for position, limit in enumerate(limits):
            if first.setdefault(limit.name, position) != position:
                raise problem(f"another limit is called {limit.name!r}, too; rename one", position)
        return limits
