"""The checks behind the data-quality report, each counted with examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from lendplan.rating.invoices.coverage import SIDES, Coverage
from lendplan.rating.records import Dossier, Repeats

EXAMPLES = 5
TOLERANCE = 0.01
"""By how much, in currency, amount and tax may miss the total: both are rounded to cents."""
_ROUNDING = 1e-6
SHORT, SILENT, ENDED = 365, 90, 180
"""Days: less is a short time, more in a row a long silence, more before the latest invoice of all an early end."""


@dataclass(frozen=True)
class Example:
    """One row or enterprise that a check is about.

    Parameters
    ----------
    file, row
        Where it stands; '' and 0 where it was not read from a table.
    enterprise, invoice_no
        Its ids; invoice_no is '' where it is an enterprise.
    detail
        The deciding figures.
    """

    file: str
    row: int
    enterprise: str
    invoice_no: str
    detail: str


@dataclass(frozen=True)
class Check:
    """One question put to the data.

    Parameters
    ----------
    name
        Its name.
    side
        ``input`` or ``output``.
    says
        What is counted, in words.
    count, of
        How many there are, and among how many.
    examples
        Up to five of them, those that stand out most or come first.
    """

    name: str
    side: str
    says: str
    count: int
    of: int
    examples: tuple[Example, ...] = ()

    @property
    def share(self) -> float:
        """Share of those looked at; 0 where there were none."""
        return self.count / self.of if self.of else 0.0


class Checks:
    """The checks of a dossier.

    Parameters
    ----------
    dossier
        What is checked.
    cover
        How its enterprises are covered.
    """

    def __init__(self, dossier: Dossier, cover: Coverage) -> None:
        self.dossier, self.cover = dossier, cover
        self.latest = int(cover.last.max(initial=-1))
        record = next((one for one in dossier.inputs if one.role == "enterprises"), None)
        self.enterprises_in = (
            "" if record is None else record.path + (f"#{record.sheet}" if record.sheet else "")
        )

    def of_side(self, side: int, today: date | None) -> list[Check]:
        """Return the checks of one side: 0 for purchases, 1 for sales."""
        return [*self._repeats(side), *self._of_invoices(side, today), *self._of_enterprises(side)]

    def _repeats(self, side: int) -> list[Check]:
        reading = self.dossier.reading
        if reading is None:
            return []
        left = int((self.dossier.invoices.is_sale == bool(side)).sum())
        of_side = int((reading.duplicates.is_sale == bool(side)).sum())
        read = left + (of_side if reading.are_dropped else 0)
        done = "left out" if reading.are_dropped else "kept"
        file = reading.table(is_sale=bool(side))
        return [
            self._repeated(
                "duplicates", side, f"rows that repeat an earlier one, {done}", reading.duplicates, read, file
            ),
            self._repeated(
                "conflicts",
                side,
                "rows with the number of an earlier one and another content",
                reading.conflicts,
                read,
                file,
            ),
        ]

    def _repeated(self, name: str, side: int, says: str, repeats: Repeats, of: int, file: str) -> Check:
        rows = np.flatnonzero(repeats.is_sale == bool(side))
        examples = tuple(
            Example(
                file=file,
                row=int(repeats.line[row]),
                enterprise=self.dossier.enterprises.enterprise[repeats.owner[row]],
                invoice_no=repeats.number[row],
                detail=f"{'repeats' if name == 'duplicates' else 'has the number of'} row {repeats.first[row]}",
            )
            for row in rows[:EXAMPLES].tolist()
        )
        return Check(name, SIDES[side], f"{SIDES[side]}: {says}", len(rows), of, examples)

    def _of_invoices(self, side: int, today: date | None) -> list[Check]:
        invoices = self.dossier.invoices
        here = np.flatnonzero(invoices.is_sale == bool(side))
        amount, tax, total = invoices.amount[here], invoices.tax[here], invoices.total[here]
        is_valid = invoices.is_valid[here]
        missed = np.abs(amount + tax - total)
        # Sums of cents are not exact in binary, the less so the larger they are.
        is_off = missed > TOLERANCE + _ROUNDING + 1e-12 * np.abs(total)
        day = invoices.day[here]

        def check(
            name: str, says: str, found: NDArray[np.bool_], detail: Callable[[int], str], of: int = len(here)
        ) -> Check:
            places = np.flatnonzero(found)
            if name == "sums":
                places = places[np.argsort(-missed[places], kind="stable")]
            examples = tuple(
                self._example(int(here[place]), detail(place)) for place in places[:EXAMPLES].tolist()
            )
            return Check(name, SIDES[side], f"{SIDES[side]}: {says}", len(places), of, examples)

        def its_total(place: int) -> str:
            return f"total {total[place]:.2f}"

        valid = int(is_valid.sum())
        checks = [
            check(
                "sums",
                f"amount + tax misses the total by more than {TOLERANCE}",
                is_off,
                lambda place: f"{amount[place]:.2f} + {tax[place]:.2f} is not {total[place]:.2f}",
            ),
            check("void", "void invoices", ~is_valid, its_total),
            check(
                "void_zero",
                "void invoices of amount zero",
                ~is_valid & (amount == 0),
                its_total,
                len(here) - valid,
            ),
            check("returns", "valid invoices below zero (returns)", is_valid & (total < 0), its_total, valid),
            check("zero", "valid invoices of total zero", is_valid & (total == 0), its_total, valid),
        ]
        if today is not None:
            after = day > np.datetime64(today, "D").astype(np.int64)
            checks.append(
                check(
                    "future", f"invoices dated after {today}", after, lambda place: iso_day(int(day[place]))
                )
            )
        return checks

    def _example(self, row: int, detail: str) -> Example:
        invoices, reading = self.dossier.invoices, self.dossier.reading
        return Example(
            file="" if reading is None else reading.table(is_sale=bool(invoices.is_sale[row])),
            row=0 if reading is None else int(reading.line[row]),
            enterprise=self.dossier.enterprises.enterprise[invoices.owner[row]],
            invoice_no=invoices.number[row],
            detail=detail,
        )

    def _of_enterprises(self, side: int) -> list[Check]:
        cover, size = self.cover, self.dossier.enterprises.size
        first, last, days = cover.first[:, side], cover.last[:, side], cover.days[:, side]
        silence, months = cover.silence[:, side], cover.silent_months[:, side]
        has_some = days > 0

        def check(
            name: str,
            says: str,
            found: NDArray[np.bool_],
            weight: NDArray[np.int64],
            detail: Callable[[int], str],
        ) -> Check:
            places = np.flatnonzero(found)
            places = places[np.argsort(-weight[places], kind="stable")]
            examples = tuple(
                Example(
                    file=self.enterprises_in,
                    row=int(self.dossier.enterprises.line[at]),
                    enterprise=self.dossier.enterprises.enterprise[at],
                    invoice_no="",
                    detail=detail(at),
                )
                for at in places[:EXAMPLES].tolist()
            )
            of = size if name == "none" else int(has_some.sum())
            return Check(name, SIDES[side], f"{SIDES[side]}: {says}", len(places), of, examples)

        def span(at: int) -> str:
            return f"{days[at]:,} days, {iso_day(int(first[at]))} to {iso_day(int(last[at]))}"

        early = self.latest - last
        return [
            check(
                "none",
                "enterprises without a valid invoice",
                ~has_some,
                cover.void[:, side],
                lambda at: f"{cover.void[at, side]:,} void",
            ),
            check("one_day", "enterprises with invoices on one day only", days == 1, -days, span),
            check(
                "short",
                f"enterprises covered for less than {SHORT} days",
                has_some & (days < SHORT),
                -days,
                span,
            ),
            check(
                "silence",
                f"enterprises with more than {SILENT} days in a row without an invoice",
                silence > SILENT,
                silence,
                lambda at: f"{silence[at]:,} days after {iso_day(int(cover.silence_from[at, side]))}",
            ),
            check(
                "silent_months",
                "enterprises with calendar months without an invoice",
                months > 0,
                months,
                lambda at: f"{months[at]:,} of {cover.months[at, side]:,} months",
            ),
            check(
                "ended",
                f"enterprises whose last invoice is more than {ENDED} days before the latest of all",
                has_some & (early > ENDED),
                np.where(has_some, early, 0),
                lambda at: f"last on {iso_day(int(last[at]))}, {early[at]:,} days before",
            ),
        ]


def iso_day(day: int) -> str:
    """Return a day number as ISO 8601, '' for none."""
    return "" if day < 0 else str(np.datetime64(day, "D"))
