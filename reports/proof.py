"""The certificate in plain sentences: what is proven of a plan, what is not, and how anyone can check it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lendplan.reports.wording import amount, percent

Record = Mapping[str, Any]

_ROUNDING = 1e-12  # a gap that is no more than the rounding of sums


def proof_sentences(summary: Record, certificate: Record, money: str) -> list[str]:
    """Return what is proven of a plan, a sentence an entry.

    Parameters
    ----------
    summary, certificate : the plan's files
    money : the unit of amounts, such as ``CNY × 10,000``
    """
    is_profit = summary.get("ranges") is None
    unit = f" ({money})" if is_profit else " (weighted, so without a unit)"
    sentences = [f"The plan's objective is {_figure(summary['objective'])}{unit}."]
    sentences += _optimality(summary)
    sentences += _certified(summary, certificate)
    if not is_profit:
        sentences.append(
            "Revenue and risk are normalised by the ranges in the certificate. The check takes these four numbers as "
            "they are stated; what is proven is proven of the objective that they define."
        )
    sentences.append(
        "Before the plan was written a program that shares no code with the solver recomputed, from the input tables, "
        "every line, rate, total and limit of it, and the bound; it refuses tables that have changed since."
    )
    return sentences


def _optimality(summary: Record) -> list[str]:
    gap, bound = summary["gap"], summary["bound"]
    if gap is None:
        said = (
            "It is the best that its two stages can do"
            if summary["status"] == "optimal"
            else "It is not proven to be the best of its two stages"
        )
        return [f"{said}; the first stage shares the lines by a rule, so a joint plan may be worth more."]
    if summary["status"] != "optimal":
        return [
            f"A limit of time or effort was reached before the gap that was asked for: no plan is worth more than "
            f"{_figure(bound)}, so at most {_share(gap)} is missed."
        ]
    if gap <= _ROUNDING:
        return ["No plan that obeys the budget and the limits is worth more: it is the best."]
    return [
        f"No plan that obeys the budget and the limits is worth more than {_figure(bound)}: "
        f"at most {_share(gap)} of its worth is missed."
    ]


def _certified(summary: Record, certificate: Record) -> list[str]:
    bound, gap = summary["certified_bound"], summary["certified_gap"]
    if bound is None:
        return ["The certificate holds no bound that can be checked without the solver."]
    prices, leaves = len(certificate.get("prices") or {}), len(certificate.get("leaves") or ())
    how = f"by {_counted(prices, 'price')} of the budget and the limits"
    if leaves:
        how += f" and the {_counted(leaves, 'case')} into which the search divided the question"
    return [
        f"The certificate proves, {how}, that no plan is worth more than {_figure(bound)}, a gap of {_share(gap)}. "
        "This takes a sum over the enterprises, and no solver: a spreadsheet can do it."
    ]


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _figure(value: float) -> str:
    return f"{value:,.8g}" if abs(value) < 1e9 else amount(value)


def _share(gap: float) -> str:
    """Write a gap: in per cent, or where that is too small to read as a power of ten."""
    return (
        percent(gap) if gap >= 1e-3 else "nothing" if gap <= _ROUNDING else f"{gap:.1e}".replace("e-0", "e-")
    )
