"""The scenario as the manifest holds it, read anew: only what a plan must keep to."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NoReturn, TypeVar, cast

from lendplan.data.curves import Fit
from lendplan.data.findings import Finding, InputError

Kind = Literal["amount", "share", "rate"]
Sense = Literal["at_most", "at_least"]
MEASURES = ("line", "exposure", "interest", "revenue", "risk", "count")
RANGES = ("revenue_max", "revenue_min", "risk_max", "risk_min")
_LIMIT_KEYS = {"name", "measure", "where", "by", "at_most", "at_least", "of"}
_T = TypeVar("_T")


@dataclass(frozen=True)
class LimitText:
    """A limit as the scenario says it.

    Parameters
    ----------
    name
        Its name.
    measure
        One of `MEASURES`, or ``average_rate``.
    where
        Column → values that its members have; all enterprises where empty.
    by
        Column: one row for each of its values; None for a single row.
    sense
        ``at_most`` or ``at_least``.
    kind
        ``amount``: `value` is the right side. ``share``: it is a share of the same measure over the whole plan.
        ``rate``: it is an annual rate.
    value
        The number.
    factors
        What it is the product of, each as it was read: itself; or a share and the budget.
    """

    name: str
    measure: str
    where: Mapping[str, tuple[str, ...]]
    by: str | None
    sense: Sense
    kind: Kind
    value: float
    factors: tuple[float, ...]


@dataclass(frozen=True)
class Question:
    """What a plan must keep to. Amounts in the scenario's unit, rates and shares as fractions.

    Parameters
    ----------
    paths
        ``enterprises``, ``ratings``, ``churn`` → file, or None.
    formulation
        ``joint`` or ``two_stage``.
    columns, churn_as, unrated, exclude_grades, churn_fit
        As in the scenario.
    rate_min, rate_max, rate_step
        Of the rate grid; None as in the scenario.
    line_min, line_max, line_step
        For rows without their own.
    budget, budget_basis
        The total, and the measure that it caps.
    funding_cost, operating_cost, fixed_cost, utilisation, loss_given_default, default_multiplier, loss_multiplier
        As in the scenario.
    interest_lost, risk_on_line
        Whether interest is lost on default; whether risk counts on the line instead of the exposure.
    weight
        Weight of revenue; None for ``profit``.
    ranges
        Frozen ranges; None where they come from the payoff table.
    limits
        As in the scenario, in its order.
    gap
        Within which a plan counts as proven.
    """

    paths: Mapping[str, str | None]
    formulation: str
    columns: Mapping[str, str]
    churn_as: Mapping[str, str]
    unrated: str
    exclude_grades: tuple[str, ...]
    churn_fit: Fit
    rate_min: float | None
    rate_max: float | None
    rate_step: float | None
    line_min: float
    line_max: float
    line_step: float | None
    budget: float
    budget_basis: str
    funding_cost: float
    operating_cost: float
    fixed_cost: float
    utilisation: float
    loss_given_default: float
    default_multiplier: float
    loss_multiplier: float
    interest_lost: bool
    risk_on_line: bool
    weight: float | None
    ranges: Mapping[str, float] | None
    limits: tuple[LimitText, ...]
    gap: float


def question_of(scenario: Mapping[str, Any], file: str = "manifest.json") -> Question:
    """Read a complete scenario: every default filled in, fractions as numbers, paths absolute.

    Parameters
    ----------
    scenario
        As the manifest holds it.
    file
        What findings name.

    Returns
    -------
    Question

    Raises
    ------
    InputError
        If a key is missing, holds what it cannot, or a limit has a key that is not known here: a condition that
        is not understood must not be passed over.
    """
    block = _Block(scenario, file, "scenario")
    for name in ("title", "currency"):
        if not block.text(name):
            block.refuse(name, "must not be blank")
    if block.number("unit") <= 0:
        block.refuse("unit", f"must be above 0, and is {block.get('unit')!r}")
    rates, lines, budget = block.below("rates"), block.below("lines"), block.below("budget")
    money, objective = block.below("economics"), block.below("objective")
    kind = objective.one_of("kind", "weighted", "profit")
    churn_fit = cast(Fit, block.one_of("churn_fit", "raw", "isotonic", "logistic"))
    total = budget.number("total")
    ranges = None if objective.get("ranges") is None else objective.below("ranges")
    limits = block.typed("limits", list)
    return Question(
        paths={role: block.maybe(role, block.text) for role in ("enterprises", "ratings", "churn")},
        formulation=block.one_of("formulation", "joint", "two_stage"),
        columns=block.texts("columns"),
        churn_as=block.texts("churn_as"),
        unrated=block.one_of("unrated", "error", "exclude"),
        exclude_grades=tuple(str(grade) for grade in block.typed("exclude_grades", list)),
        churn_fit=churn_fit,
        rate_min=rates.maybe("min", rates.number),
        rate_max=rates.maybe("max", rates.number),
        rate_step=rates.maybe("step", rates.number),
        line_min=lines.number("min"),
        line_max=lines.number("max"),
        line_step=lines.maybe("step", lines.number),
        budget=total,
        budget_basis=budget.one_of("basis", "line", "exposure"),
        funding_cost=money.number("funding_cost"),
        operating_cost=money.number("operating_cost"),
        fixed_cost=money.number("fixed_cost"),
        utilisation=money.number("utilisation"),
        loss_given_default=money.number("loss_given_default"),
        default_multiplier=money.number("default_multiplier"),
        loss_multiplier=money.number("loss_multiplier"),
        interest_lost=money.typed("interest_lost_on_default", bool),
        risk_on_line=money.one_of("risk_basis", "exposure", "line") == "line",
        weight=objective.number("revenue_weight") if kind == "weighted" else None,
        ranges=None if ranges is None or kind == "profit" else {name: ranges.number(name) for name in RANGES},
        limits=tuple(
            _limit(_Block(one, file, f"scenario.limits.{position}"), total)
            for position, one in enumerate(limits)
        ),
        gap=block.below("solver").number("gap"),
    )


def _limit(block: "_Block", budget: float) -> LimitText:
    strange = sorted(str(key) for key in block.content if key not in _LIMIT_KEYS)
    if strange:
        block.refuse(strange[0], "is no key of a limit that this check knows")
    measure = block.one_of("measure", *MEASURES, "average_rate")
    given: list[Sense] = [sense for sense in ("at_most", "at_least") if block.get(sense, None) is not None]
    if len(given) != 1:
        block.refuse("at_most", "needs exactly one of at_most and at_least")
    sense = given[0]
    value, is_share = block.bound(sense)
    kind: Kind = "rate" if measure == "average_rate" else "share" if is_share else "amount"
    factors: tuple[float, ...] = (value,)
    if block.get("of", None) is not None:
        block.one_of("of", "budget")
        if kind != "share":
            block.refuse("of", "needs a share, such as 25%")
        kind, value, factors = "amount", value * budget, (value, budget)
    where = block.below("where") if block.get("where", None) is not None else None
    return LimitText(
        name=block.text("name"),
        measure=measure,
        where={} if where is None else {
            column: tuple(str(one) for one in where.typed(column, list)) for column in where.content
        },
        by=block.maybe("by", block.text) if "by" in block.content else None,
        sense=sense,
        kind=kind,
        value=value,
        factors=factors,
    )  # fmt: skip


_ABSENT = object()


class _Block:
    """A mapping of the scenario, each key read with its type; findings name the key's path."""

    def __init__(self, content: object, file: str, path: str) -> None:
        self.file, self.path = file, path
        if not isinstance(content, Mapping):
            raise InputError(Finding("must be a mapping", file=file, key=path))
        self.content: Mapping[str, Any] = content

    def refuse(self, key: str, message: str) -> NoReturn:
        raise InputError(Finding(message, file=self.file, key=f"{self.path}.{key}"))

    def get(self, key: str, default: object = _ABSENT) -> Any:
        value = self.content.get(key, default)
        if value is _ABSENT:
            self.refuse(key, "is missing; the manifest holds the scenario with every default filled in")
        return value

    def below(self, key: str) -> "_Block":
        return _Block(self.get(key), self.file, f"{self.path}.{key}")

    def typed(self, key: str, kind: type[_T]) -> _T:
        value = self.get(key)
        if not isinstance(value, kind):
            self.refuse(key, f"must be a {kind.__name__}, and is {value!r}")
        return value

    def number(self, key: str) -> float:
        value = finite(self.get(key))
        if value is None:
            self.refuse(key, f"must be a finite number, and is {self.get(key)!r}")
        return value

    def text(self, key: str) -> str:
        return self.typed(key, str)

    def texts(self, key: str) -> dict[str, str]:
        below = self.below(key)
        return {name: below.text(name) for name in below.content}

    def maybe(self, key: str, read: Callable[[str], _T]) -> _T | None:
        return None if self.get(key) is None else read(key)

    def one_of(self, key: str, *choices: str) -> str:
        value = self.get(key)
        if value not in choices:
            self.refuse(key, f"must be one of {', '.join(choices)}, and is {value!r}")
        return str(value)

    def bound(self, key: str) -> tuple[float, bool]:
        """Return a limit's right side, and whether it is a share: text with % or bp."""
        value = self.get(key)
        if isinstance(value, str):
            for unit, places in (("%", 2), ("bp", 4)):
                if value.strip().endswith(unit):
                    try:
                        number = finite(
                            float(Decimal(value.strip().removesuffix(unit).strip()).scaleb(-places))
                        )
                    except (InvalidOperation, ValueError, OverflowError):
                        number = None
                    if number is not None:
                        return number, True
            self.refuse(key, f"must be a number, or a share such as 25%, and is {value!r}")
        return self.number(key), False


def finite(value: object) -> float | None:
    """Return a JSON value as a finite number; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
