"""The certificate in plain sentences: what is proven of a plan, what is not, and how anyone can check it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import Any

Record = Mapping[str, Any]

_ROUNDING = 1e-11  # a share of the objective that is no more than the rounding of sums
_NOTHING = 1e-12  # and a distance
_LEAST_WORTH = 1e-6  # of an objective nearer to 0 a share says nothing
_MOST_SHARE = 10.0
_DIGITS = 8
_ENDLESS = 1e15  # from here on a number has no digits to round


def upward(value: float, digits: int) -> str:
    """Write a number with so many significant digits, all before the point at least, rounded up, no exponents."""
    return _written(value, digits, ROUND_CEILING)


def _written(value: float, digits: int, rounding: str) -> str:
    exact = Decimal(repr(float(value)))
    if not exact:
        return "0"
    if not abs(value) < _ENDLESS:
        return f"{value:,.0f}"
    told = exact.quantize(Decimal(1).scaleb(min(exact.adjusted() + 1 - digits, 0)), rounding=rounding)
    text = f"{told:,f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def missed(objective: float, bound: float) -> str | None:
    """Write how much more than a plan's objective its bound allows, rounded up; None where that is rounding alone.

    A share of the objective, or the distance itself where the objective is next to nothing.
    """
    distance, worth = bound - objective, abs(objective)
    if distance <= max(_ROUNDING * worth, _NOTHING):
        return None
    if worth < _LEAST_WORTH or distance > _MOST_SHARE * worth:
        return f"{upward(_without_noise(distance), 3)} in the objective"
    return f"{upward(_without_noise(100 * distance / worth), 3)} %"


def _without_noise(value: float) -> float:
    return float(f"{value:.10g}")


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
    bound = summary["bound"]
    if bound is None:
        said = (
            "It is the best that its two stages can do, within the gap asked for"
            if summary["status"] == "optimal"
            else "It is not proven to be the best of its two stages"
        )
        return [f"{said}; the first stage shares the lines by a rule, so a joint plan may be worth more."]
    distance = missed(summary["objective"], bound)
    if summary["status"] != "optimal":
        return [
            f"A limit of time or effort was reached before the gap that was asked for: no plan is worth more than "
            f"{_never_below(summary, bound)}, so at most {_of_worth(distance)} is missed."
        ]
    if distance is None:
        return ["No plan that obeys the budget and the limits is worth more: it is the best."]
    return [
        f"No plan that obeys the budget and the limits is worth more than "
        f"{_never_below(summary, bound)}: at most {_of_worth(distance)} is missed."
    ]


def _certified(summary: Record, certificate: Record) -> list[str]:
    bound = summary["certified_bound"]
    if bound is None:
        return ["The certificate holds no bound that can be checked without the solver."]
    prices, leaves = len(certificate.get("prices") or {}), len(certificate.get("leaves") or ())
    how = f"by {_counted(prices, 'price')} of the budget and the limits"
    if leaves:
        how += f" and the {_counted(leaves, 'case')} into which the search divided the question"
    distance = missed(summary["objective"], bound)
    return [
        f"The certificate proves, {how}, that no plan is worth more than {_never_below(summary, bound)}, a gap of "
        f"{distance or 'nothing'}. "
        "This takes a sum over the enterprises, and no solver: a spreadsheet can do it."
    ]


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _figure(value: float) -> str:
    return _written(value, _DIGITS, ROUND_HALF_EVEN)


def _never_below(summary: Record, bound: float) -> str:
    return upward(max(bound, summary["objective"]), _DIGITS)


def _of_worth(distance: str | None) -> str:
    if distance is None:
        return "nothing"
    return f"{distance} of its worth" if distance.endswith("%") else distance
