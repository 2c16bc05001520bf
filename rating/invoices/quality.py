"""The data-quality report: what is odd about enterprises and invoices, before they are rated."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from lendplan.data import csvwriting
from lendplan.data.texts import Texts
from lendplan.rating.invoices.checks import EXAMPLES, Check, Checks, Example, iso_day
from lendplan.rating.invoices.coverage import SIDES, Coverage, coverage_of
from lendplan.rating.records import Dossier


@dataclass(frozen=True)
class Quality:
    """What the report says.

    Parameters
    ----------
    enterprises, invoices
        How many there are.
    first, last
        First and last day of a valid invoice, ISO 8601; '' where there is none.
    unusable
        Enterprise id → why it cannot be rated.
    checks
        All checks, also those that found nothing.
    ids
        The enterprises, in the order of `coverage`.
    coverage
        Figures of each enterprise and side.
    """

    enterprises: int
    invoices: int
    first: str
    last: str
    unusable: dict[str, str]
    checks: tuple[Check, ...]
    ids: tuple[str, ...]
    coverage: Coverage

    def check(self, name: str, side: str) -> Check:
        """Return one check."""
        return next(one for one in self.checks if (one.name, one.side) == (name, side))

    def to_dict(self) -> dict[str, Any]:
        """Return all but the coverage, as JSON can hold it."""
        return {
            "enterprises": self.enterprises,
            "invoices": self.invoices,
            "first": self.first,
            "last": self.last,
            "unusable": dict(self.unusable),
            "checks": [{**asdict(one), "share": one.share} for one in self.checks],
        }

    def lines(self) -> tuple[str, ...]:
        """Return the report as lines for the terminal; checks that found nothing are named in the last."""
        span = f", {self.first} to {self.last}" if self.first else ""
        told = [f"{self.invoices:,} invoices of {self.enterprises:,} enterprises{span}"]
        told += [f"cannot be rated: {one} {reason}" for one, reason in list(self.unusable.items())[:EXAMPLES]]
        if len(self.unusable) > EXAMPLES:
            told.append(f"cannot be rated: {len(self.unusable) - EXAMPLES:,} more")
        for one in self.checks:
            if one.count:
                example = one.examples[0] if one.examples else None
                place = "" if example is None else f"; {_told(example)}"
                told.append(f"{one.says}: {one.count:,} of {one.of:,} ({_percent(one.share)}){place}")
        nothing = dict.fromkeys(f"{one.name} ({one.side})" for one in self.checks if not one.count)
        return (*told, *([f"nothing found: {', '.join(nothing)}"] if nothing else []))

    def to_csv(self) -> bytes:
        """Return a row for each example, and one for each check without any."""
        rows = [
            (one.name, one.side, str(one.count), str(one.of), f"{one.share:.6f}", *example)
            for one in self.checks
            for example in (
                [
                    (each.file, str(each.row or ""), each.enterprise, each.invoice_no, each.detail)
                    for each in one.examples
                ]
                or [("",) * 5]
            )
        ]
        names = ("check", "side", "count", "of", "share", "file", "row", "enterprise", "invoice_no", "detail")
        return _csv(names, [list(column) for column in zip(*rows, strict=True)])

    def coverage_csv(self) -> bytes:
        """Return a row for each enterprise and side."""
        cover = self.coverage
        columns = {
            "enterprise": [one for one in self.ids for _ in SIDES],
            "side": list(SIDES) * len(self.ids),
            **{
                name: [
                    iso_day(day) if name in _DATES else str(day)
                    for day in getattr(cover, name).ravel().tolist()
                ]
                for name in cover.__dataclass_fields__
            },
        }
        return _csv(tuple(columns), list(columns.values()))


_DATES = ("first", "last", "silence_from")


def quality_report(dossier: Dossier, *, today: date | None = None) -> Quality:
    """Report on the quality of what was read.

    Parameters
    ----------
    dossier
        Enterprises and invoices. Where duplicates were left out while reading, they are counted from the reading, and
        every other check looks at the rows that are left.
    today
        If given, invoices dated later are counted; left out, since the report would not be the same tomorrow.

    Returns
    -------
    Quality
        Every check a side: duplicates, conflicts (same number, other content), sums (amount + tax misses the total by
        more than 0.01), void, void_zero (void, of amount zero), returns (valid, below zero), zero (valid, total zero),
        none (no valid invoice), one_day, short (under 365 days from first to last), silence (over 90 days in a row
        without an invoice), silent_months, ended (last invoice over 180 days before the latest of all), future.
    """
    cover = coverage_of(dossier)
    report = Checks(dossier, cover)
    checks = [check for side in (0, 1) for check in report.of_side(side, today)]
    valid = cover.last[cover.last >= 0]
    return Quality(
        enterprises=dossier.enterprises.size,
        invoices=dossier.invoices.size,
        first=iso_day(int(cover.first[cover.first >= 0].min())) if valid.size else "",
        last=iso_day(int(valid.max())) if valid.size else "",
        unusable=dict(dossier.unusable),
        checks=tuple(checks),
        ids=dossier.enterprises.enterprise,
        coverage=cover,
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else f"{100 * share:.2g} %"


def _told(example: Example) -> str:
    number = f" {example.invoice_no}" if example.invoice_no else ""
    row = f", row {example.row}" if example.row else ""
    return f"{example.enterprise}{number}{row}: {example.detail}"


def _csv(names: tuple[str, ...], columns: list[list[str]]) -> bytes:
    return csvwriting.header(names) + (
        csvwriting.rows([Texts.of(column) for column in columns]) if columns[0] else b""
    )
