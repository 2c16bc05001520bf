"""What is known of enterprises before they are rated: who they are, and their invoices, as checked columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lendplan.data.findings import Finding
from lendplan.data.sources import InputRecord
from lendplan.data.texts import Texts

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Enterprises:
    """The enterprises to rate, in the order of their table.

    Parameters
    ----------
    enterprise
        Ids, unique; n of them.
    name
        Names, '' where none is given.
    grade
        Grades as given, '' for the unrated.
    is_default
        Shape (n,): 1 where the enterprise has defaulted, 0 where not, NaN where it is not known.
    line
        Shape (n,): row of the table, for messages.
    """

    enterprise: tuple[str, ...]
    name: tuple[str, ...]
    grade: tuple[str, ...]
    is_default: Floats
    line: NDArray[np.int64]

    @property
    def size(self) -> int:
        """Number of enterprises."""
        return len(self.enterprise)


@dataclass(frozen=True)
class Invoices:
    """Invoices of those enterprises, of both sides, in the order in which they were read; m of them.

    Parameters
    ----------
    owner
        Shape (m,): position of the enterprise in :class:`Enterprises`.
    is_sale
        Shape (m,): True for a sale (output), False for a purchase (input).
    number
        The invoice's number as text.
    day
        Shape (m,): its date in days since 1970-01-01.
    counterparty
        Shape (m,): who bought or sold, as a code; equal codes on one side are one counterparty.
    amount, tax, total
        Shape (m,), in currency: before tax, the tax, both together. A valid negative total is a return.
    is_valid
        Shape (m,): False for a void invoice.
    counterparties
        Name of each code of `counterparty`; None where they were not kept.
    """

    owner: Codes
    is_sale: Mask
    number: Texts
    day: Codes
    counterparty: Codes
    amount: Floats
    tax: Floats
    total: Floats
    is_valid: Mask
    counterparties: Texts | None = None

    @property
    def size(self) -> int:
        """Number of invoices."""
        return len(self.owner)


@dataclass(frozen=True)
class Repeats:
    """Rows of invoices that come with an earlier row of the same enterprise, side and number; d of them.

    Parameters
    ----------
    owner, is_sale, number
        The invoice, as in :class:`Invoices`.
    line, first
        Shape (d,): row of its table it stands in, and row of the earliest one.
    """

    owner: Codes
    is_sale: Mask
    number: Texts
    line: Codes
    first: Codes

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.owner)


@dataclass(frozen=True)
class Reading:
    """Where the invoices stood, and what reading them brought to light.

    Parameters
    ----------
    purchases, sales
        Tables the two sides were read from, for messages; the same where one table holds both.
    line
        Shape (m,): row of its table each invoice of the dossier stands in.
    duplicates
        Rows that repeat an earlier one in every column; they stand in the dossier only where they are kept.
    conflicts
        Rows with the enterprise, side and number of an earlier one and another content; they are always kept.
    are_dropped
        Whether the duplicates were left out of the dossier.
    """

    purchases: str
    sales: str
    line: Codes
    duplicates: Repeats
    conflicts: Repeats
    are_dropped: bool

    def table(self, *, is_sale: bool) -> str:
        """Return the table of one side."""
        return self.sales if is_sale else self.purchases


@dataclass(frozen=True)
class Dossier:
    """All that was read for a rating.

    Parameters
    ----------
    enterprises, invoices
        What is rated, and on what.
    unusable
        Enterprise id → why it cannot be rated, as far as reading can tell.
    findings
        What was noticed and does not stop the rating (a duplicate row, a sum that does not add up, …).
    inputs
        The files it was read from.
    reading
        Where the invoices stood; None where they were not read from tables.
    """

    enterprises: Enterprises
    invoices: Invoices
    unusable: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    inputs: tuple[InputRecord, ...] = ()
    reading: Reading | None = None


@dataclass(frozen=True)
class Indicators:
    """Numbers that describe each enterprise.

    Parameters
    ----------
    enterprise
        Ids, n of them.
    names
        Names of the indicators, k of them; :data:`lendplan.rating.indicators.catalogue.CATALOGUE` says what each is.
    values
        Shape (n, k), each in its own unit; NaN where it is not defined for this enterprise.
    """

    enterprise: tuple[str, ...]
    names: tuple[str, ...]
    values: Floats

    def column(self, name: str) -> Floats:
        """Return one indicator, (n,)."""
        return np.asarray(self.values[:, self.names.index(name)])


@dataclass(frozen=True)
class Output:
    """What a command leaves behind.

    Parameters
    ----------
    files
        Name → content, to be written as one folder.
    lines
        What the terminal shows.
    """

    files: Mapping[str, bytes]
    lines: tuple[str, ...]
