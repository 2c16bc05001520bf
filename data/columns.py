"""What each table holds: its columns with kinds, units, ranges and a sentence each."""

from dataclasses import dataclass
from typing import Literal

from lendplan.data.dates import FIRST_YEAR, LAST_YEAR

Kind = Literal["id", "code", "text", "amount", "fraction", "number", "choice", "date"]


@dataclass(frozen=True)
class Column:
    """What one column holds.

    Parameters
    ----------
    name
        Our name of it.
    kind
        ``id`` (unique text, never blank), ``code`` (text kept as exactly, that may repeat), ``text``, ``choice``
        (text out of `choices`), ``amount`` (money in the scenario's unit), ``fraction`` (``0.04``, ``4%`` and
        ``400bp`` are the same), ``number`` or ``date`` (days since 1970-01-01).
    description
        One sentence for the reference.
    unit
        Unit in words; '' for text.
    low, high
        Range of a number, both ends included; None where it is open.
    above
        A number must be larger than this; None where nothing is asked.
    required
        Whether the table must have the column.
    filled
        Whether each of its cells must hold a value.
    choices
        The values of a ``choice``; blank is allowed besides, unless `filled`.
    """

    name: str
    kind: Kind
    description: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    above: float | None = None
    required: bool = False
    filled: bool = False
    choices: tuple[str, ...] = ()

    @property
    def is_numeric(self) -> bool:
        """Whether its values are float64."""
        return self.kind in ("amount", "fraction", "number", "date")

    @property
    def range(self) -> str:
        """Range or choices in words, for the reference."""
        if self.choices:
            return ", ".join((*self.choices, *(() if self.filled else ("blank",))))
        if self.kind == "id":
            return "unique, not blank"
        if self.kind == "date":
            return f"{FIRST_YEAR} to {LAST_YEAR}"
        if self.above is not None:
            return f"> {self.above:g}" + ("" if self.high is None else f", ≤ {self.high:g}")
        if self.low is not None and self.high is not None:
            return f"[{self.low:g}, {self.high:g}]"
        if self.low is not None:
            return f"≥ {self.low:g}"
        return "" if self.high is None else f"≤ {self.high:g}"


@dataclass(frozen=True)
class Contract:
    """What a table holds.

    Parameters
    ----------
    name
        ``enterprises``, ``ratings``, ``churn`` or ``allocations``.
    columns
        The columns with a meaning of their own, in the order of the reference.
    extra
        What every further column holds; its `name` is replaced by theirs.
    any_of
        Of each group at least one column must be there.
    may_be_empty
        Whether a header without rows will do.
    """

    name: str
    columns: tuple[Column, ...]
    extra: Column = Column("", "text", "Kept as text.")
    any_of: tuple[tuple[str, ...], ...] = ()
    may_be_empty: bool = False

    def __getitem__(self, name: str) -> Column:
        return {column.name: column for column in self.columns}[name]

    def __contains__(self, name: object) -> bool:
        return any(column.name == name for column in self.columns)


_ENTERPRISE = Column(
    "enterprise", "id", "Id of the applicant; text, kept exactly.", required=True, filled=True
)
_GRADE = Column("grade", "text", "Credit grade; it names the churn curve.")
_PROBABILITY = Column(
    "default_probability", "fraction", "Probability of default within the year.", "fraction", 0.0, 1.0
)
_LOSS = Column(
    "loss_given_default", "fraction", "Share of the exposure that is lost on default.", "fraction", 0.0, 1.0
)
_WEIGHT = Column(
    "risk_weight",
    "fraction",
    "Loss expected per currency of exposure; default_probability × loss_given_default where blank.",
    "currency lost per currency exposed",
    0.0,
)
_INDEX = Column(
    "risk_index",
    "number",
    "Relative riskiness, larger is riskier; serves the line rule of two_stage alone.",
    "dimensionless",
    0.0,
)

ENTERPRISES = Contract(
    "enterprises",
    (
        _ENTERPRISE,
        Column("name", "text", "Name of the applicant."),
        _GRADE,
        _PROBABILITY,
        _LOSS,
        _WEIGHT,
        _INDEX,
        Column("line_min", "amount", "Smallest credit line, if one is granted.", "currency", 0.0),
        Column("line_max", "amount", "Largest credit line.", "currency", 0.0),
        Column("line_step", "amount", "Lines are multiples of this.", "currency", above=0.0),
        Column("rate_min", "fraction", "Lowest annual rate for this applicant.", "fraction a year", 0.0, 1.0),
        Column(
            "rate_max", "fraction", "Highest annual rate for this applicant.", "fraction a year", 0.0, 1.0
        ),
        Column(
            "must",
            "choice",
            "Decision that is settled beforehand; blank leaves it open.",
            choices=("lend", "decline"),
        ),
        Column("must_reason", "text", "Why it is settled."),
        Column("industry", "text", "Industry, for limits."),
        Column("region", "text", "Region, for limits."),
        Column("size", "text", "Size class, for limits."),
    ),
    extra=Column("", "text", "Kept as text; can be used by `where` and `by` of a limit."),
)
"""The book: one row an applicant."""

RATINGS = Contract(
    "ratings",
    (
        _ENTERPRISE,
        Column("grade", "text", _GRADE.description, required=True),
        _PROBABILITY,
        _LOSS,
        _WEIGHT,
        _INDEX,
        Column("score", "text", "Score behind the grade, for the reader."),
        Column("reason", "text", "Reason for the grade, for the reader."),
    ),
    any_of=(("risk_weight", "default_probability"),),
)
"""Ratings: one row an applicant; each value stands over the book's, unless it is blank."""

CHURN = Contract(
    "churn",
    (
        Column(
            "rate",
            "fraction",
            "Annual rate; strictly increasing from row to row.",
            "fraction a year",
            0.0,
            1.0,
            required=True,
            filled=True,
        ),
    ),
    extra=Column(
        "",
        "fraction",
        "One column a grade: share of its customers who walk away at this rate.",
        "fraction",
        0.0,
        1.0,
        filled=True,
    ),
)
"""Churn curves: one row a rate, one column a grade."""

ALLOCATIONS = Contract(
    "allocations",
    (
        _ENTERPRISE,
        Column("line", "amount", "Credit line granted; 0 or blank for none.", "currency", 0.0, required=True),
        Column(
            "rate",
            "fraction",
            "Annual rate; may be blank where there is no line.",
            "fraction a year",
            0.0,
            1.0,
            required=True,
        ),
    ),
    may_be_empty=True,
)
"""A given allocation, to be valued."""
