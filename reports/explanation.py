"""An explanation and a quote on the terminal: plain lines, amounts in money, rates in per cent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lendplan.reports.reasons import amount

_TIE = 1e-6
_DUST = 1e-9  # of the largest figure of an account: less is nothing
_SHOWN = 8  # charges, and loans that give way, that are spelled out

Record = Mapping[str, Any]


def explanation_lines(record: Record) -> list[str]:
    """Return the text of an explanation.

    Parameters
    ----------
    record : as :meth:`lendplan.Explanation.to_dict` returns it
    """
    who = f"{record['enterprise']} (grade {record['grade'] or '–'})"
    loan = record["loan"]
    if loan is None:
        decided = "is declined" if record["decision"] == "decline" else f"is {record['decision']}"
        return [f"{who} {decided}: {record['reason']}", *_notes(record)]
    offer = f"{amount(loan['line'])} at {_percent(loan['rate'])} a year"
    if record["decision"] == "lend":
        must = "; it must be lent to" if record["must_lend"] else ""
        lines = [f"{who} is lent {offer}{must}"]
    else:
        lines = [f"{who} is declined; the best it could have is {offer}"]
    lines += _account(record, loan)
    if record["at_margin"]:
        lines.append(
            "It stands at the margin: its loan is worth just what it is charged, so what fits decides, and no price."
        )
    lines += [_alternative(record, loan)] if record["decision"] == "lend" else []
    lines += [*_risk(record, record["risk_weight"]), _rates(record["rate"]), *_notes(record)]
    return [line for line in lines if line]


def quote_lines(record: Record) -> list[str]:
    """Return the text of a quote.

    Parameters
    ----------
    record : as :meth:`lendplan.Quote.to_dict` returns it
    """
    loan = record["loan"]
    if loan is None:
        return [f"{record['decision']}: {record['reason']}", *_notes(record)]
    offer = f"{amount(loan['line'])} at {_percent(loan['rate'])} a year"
    lends = record["decision"] == "lend"
    lines = [f"Lend {offer}" if lends else f"Decline; the best it could have is {offer}"]
    lines += _account(record, loan)
    if record["is_tie"]:
        lines.append(
            "A tie: it is worth just what it takes, as good as what it would displace and no better."
        )
    if lends:
        lines += _room(record)
        lines += _displaced(record)
    lines += [*_risk(record, record["risk_turns"]), _rates(record["rate_turns"]), *_notes(record)]
    if lends:
        lines.append(_holds(record, loan))
    return [line for line in lines if line]


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.4g} %"


def _signed(value: float) -> str:
    text = amount(abs(value))
    return f"−{text}" if value < 0 and text != "0" else text


def _signed_price(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def _account(record: Record, loan: Record) -> list[str]:
    """Return what the loan earns, what each row charges it, and what is left, a line each."""
    scale = record["scale"]
    if scale["measured_in"] == "nothing":
        return ["  the objective values nothing"]
    money = scale["money"]
    earned = loan["revenue"] if scale["measured_in"] == "revenue" else 0.0
    rows = [("revenue", earned, "")] if scale["measured_in"] == "revenue" else []
    rows.append(("risk", loan["value"] / money - earned, "expected loss, as the objective weighs it"))
    for charge in loan["charges"][:_SHOWN]:
        verb = "takes" if charge["uses"] > 0 else "gives"
        rows.append(
            (
                charge["name"],
                -charge["cost"] / money,
                f"{verb} {amount(abs(charge['uses']))}, at {_signed_price(charge['price'] / money)} each",
            )
        )
    rest = loan["charges"][_SHOWN:]
    if rest:
        rows.append((f"{len(rest)} more rows", -sum(charge["cost"] for charge in rest) / money, ""))
    rows.append(("left", loan["net"] / money, f"{scale['unit']} a year, of {scale['measured_in']}"))
    name, most = max(len(row[0]) for row in rows), max(abs(row[1]) for row in rows)
    figures = [_signed(row[1] if abs(row[1]) > _DUST * most else 0.0) for row in rows]
    width = max(map(len, figures))
    return [
        f"  {row[0]:<{name}}  {figure:>{width}}  {row[2]}".rstrip()
        for row, figure in zip(rows, figures, strict=True)
    ]


def _alternative(record: Record, loan: Record) -> str:
    other = record["alternative"]
    if other is None:
        return "There is no alternative: it must be lent to, and at this rate."
    less = (loan["net"] - other["net"]) / record["scale"]["money"]
    dust = _TIE * abs(loan["value"]) / record["scale"]["money"]
    compared = "as good" if abs(less) <= dust else f"{amount(abs(less))} {'less' if less > 0 else 'more'}"
    if other["decision"] == "decline":
        return f"Best alternative: to decline, {compared}."
    return f"Best alternative: {amount(other['line'])} at {_percent(other['rate'])}, {compared}."


def _risk(record: Record, turns: Record) -> list[str]:
    now = f"Risk weight {turns['now']:.4g}"
    must = " if it did not have to be" if record.get("must_lend") else ""
    up_to, start = turns["lends_up_to"], turns["lends_from"]
    if turns["always"]:
        said = f"{now}: a loan is worth its price at any."
    elif up_to is None and start is None:
        said = f"{now}: a loan would not be worth its price at any, not even at 0."
    elif up_to is not None:
        beyond = f", or {_from(turns)}" if start is not None else ""
        if abs(turns["now"] - up_to) <= _TIE * up_to:
            said = f"{now}: just where the decision turns, lent to below, declined above{must}{beyond}."
        elif turns["now"] <= up_to:
            said = f"{now}: lent to up to {up_to:.4g}{beyond}, declined above{must}."
        else:
            said = f"{now}: declined{must}; lent to, at {_percent(turns['rate_at_turn'])}, up to {up_to:.4g}{beyond}."
    else:
        said = f"{now}: lent to {_from(turns)}."
    moves = [
        f"{_percent(turn['rate'])} {side} {turn['risk_weight']:.4g}"
        for side, turn in (("below", turns["below"]), ("above", turns["above"]))
        if turn is not None
    ]
    return [f"{said} Its rate would be {' and '.join(moves)}." if moves else said]


def _from(turns: Record) -> str:
    end = turns["lends_until"]
    until = "on" if end is None else f"to {end:.4g}"
    return f"from {turns['lends_from']:.4g} {until}, which the limits cause"


def _rates(turns: Record) -> str:
    pays = " and ".join(
        _percent(low) if _percent(low) == _percent(high) else f"{_percent(low)} to {_percent(high)}"
        for low, high in turns["lends"]
    )
    if pays:
        return f"Rate: a loan is worth its price at {pays}, best at {_percent(turns['best'])}."
    needed = turns["needed"]
    if needed is None or not 0.0 < needed <= 1.0:
        return "Rate: no rate makes a loan worth its price."
    return (
        f"Rate: no rate that it may be offered is worth its price; it would take {_percent(needed)} with as many "
        f"customers staying as at {_percent(turns['best'])}."
    )


def _room(record: Record) -> list[str]:
    free = [use for use in record["uses"] if 0 < use["uses"] <= use["room"] and use["price"] == 0.0]
    return [f"It fits into the room left under {', '.join(use['name'] for use in free)}."] if free else []


def _displaced(record: Record) -> list[str]:
    money, loans = record["scale"]["money"], record["displaced"]
    lines = []
    if loans:
        lines.append("Room for it, from the loans that stand nearest to the margin:")
    for loan in loans[:_SHOWN]:
        after = (
            f"{amount(loan['line_before'])} → {amount(loan['line_after'])}"
            if loan["line_after"]
            else "goes, "
        )
        what = after if loan["line_after"] else f"{after}{amount(loan['line_before'])}"
        cost = loan["value_lost"] / money
        worth = f"gives up {amount(cost)}" if cost >= 0 else f"gains {amount(-cost)}"
        tie = "; it stood just at the margin" if loan["is_tie"] else ""
        lines.append(f"  {loan['enterprise']}  {what}  {worth}{tie}")
    if len(loans) > _SHOWN:
        lines.append(f"  and {len(loans) - _SHOWN:,} more")
    if record["unplaced"]:
        broken = ", ".join(f"`{name}` by {amount(by)}" for name, by in record["unplaced"].items())
        lines.append(f"That is not room enough: it would still break {broken}. Solve again to place it.")
    elif record["effect"] is not None:
        effect = record["effect"] / money
        if not loans:
            lines.append("There is room for it; no loan has to give way.")
        elif effect >= 0:
            lines.append(f"The plan would gain {amount(effect)} that way.")
        else:
            lines.append(
                f"That way the plan would lose {amount(-effect)}: whole loans give up more than it takes. "
                "Solve again before you lend."
            )
    return lines


def _holds(record: Record, loan: Record) -> str:
    net = amount(max(loan["net"], 0.0) / record["scale"]["money"])
    most = f"it adds at most {net} to the best of the relaxation"
    if record["prices_hold"] is None:
        return f"A quote rests on the plan's prices, which hold for small changes; {most}."
    if record["prices_hold"]:
        return f"The plan's prices hold for a loan of this size: in the relaxation it adds {net}."
    up_to = record["prices_hold_up_to"]
    small = f"for a line up to {amount(up_to)}" if up_to else "for no whole loan"
    return f"The plan's prices are sure to hold {small}, and this is more: {most}, and may add less."


def _notes(record: Record) -> Sequence[str]:
    return [f"Note: {note}." for note in record["notes"]]
