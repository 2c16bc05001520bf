"""The leaves of a search: parts of all choices, each with prices that bound what a plan in it is worth.

A leaf is a list of branches, root first. Branches come in pairs that leave nothing out:

    ["ID", "at_most", r]       the enterprise declines, or is lent to at a rate ≤ r; null for r: it declines
    ["ID", "above", r]         it is lent to at a rate > r; null: at any rate
    ["ID", "line_at_most", a]  its line is ≤ a; declining is a line of 0
    ["ID", "line_at_least", b] its line is ≥ b

where no admissible line lies strictly between a and b. Where lines have a step, a and b are read as whole steps, within
the tolerance that the table's own ends are.

A fixing has the same form: at the part that its branches lead to, its prices show choices that no plan worth more than
the claim holds; they are left out there, and in all leaves below.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from lendplan.certify.question import finite
from lendplan.data.findings import Finding, InputError

HOW = ("at_most", "above", "line_at_most", "line_at_least")


class Branch(NamedTuple):
    """One decision of a search.

    Parameters
    ----------
    enterprise
        Its id.
    how
        One of `HOW`.
    at
        A rate, or None; or a line.
    """

    enterprise: str
    how: str
    at: float | None

    def __str__(self) -> str:
        at = "none" if self.at is None else repr(self.at)
        return f"{self.enterprise!r} {self.how} {at}"


@dataclass(frozen=True)
class Leaf:
    """A part of all choices, and prices that prove something in it.

    Parameters
    ----------
    choices
        Branches, root first; none for all choices.
    prices
        Row name → price, as it was read.
    """

    choices: tuple[Branch, ...]
    prices: Mapping[str, Any]


@dataclass(frozen=True)
class Search:
    """What a certificate has beside its prices.

    Parameters
    ----------
    leaves
        None where the prices alone make the bound.
    fixings
        Prices by which choices are left out of a part.
    """

    leaves: tuple[Leaf, ...] | None
    fixings: tuple[Leaf, ...]


def search_of(certificate: Mapping[str, Any], file: str = "certificate.json") -> Search:
    """Read ``leaves`` and ``fixings``.

    Parameters
    ----------
    certificate
        As the file has it. Either key may be missing or null.
    file
        What findings name.

    Returns
    -------
    Search
        Whether names are known, prices have the right sign, leaves leave nothing out and fixings belong to a node is
        not looked at here.

    Raises
    ------
    InputError
        With every place that has not the form of leaves, branches or prices.
    """
    findings: list[Finding] = []

    def refuse(key: str, message: str) -> None:
        findings.append(Finding(message, file=file, key=key))

    def prices(content: object, key: str) -> Mapping[str, Any]:
        if isinstance(content, dict):
            return content
        refuse(key, f"must be prices by name, and is {_short(content)}")
        return {}

    def branch(content: object, key: str) -> Branch | None:
        if not isinstance(content, list | tuple) or len(content) != 3:
            refuse(key, f'must be ["enterprise", "how", number], and is {_short(content)}')
            return None
        enterprise, how, at = content
        number = finite(at)
        if not isinstance(enterprise, str) or how not in HOW:
            refuse(
                key, f"must begin with an enterprise and one of {', '.join(HOW)}, and is {_short(content)}"
            )
        elif how.startswith("line_") and (number is None or number < 0):
            refuse(key, f"must end with a line, an amount of 0 or more, and is {_short(content)}")
        elif not how.startswith("line_") and at is not None and (number is None or not 0 <= number <= 1):
            refuse(key, f"must end with a rate, a fraction, or null, and is {_short(content)}")
        return Branch(str(enterprise), str(how), number)

    def leaf(content: object, key: str) -> Leaf:
        if not isinstance(content, dict) or set(content) != {"choices", "prices"}:
            refuse(key, f"must have the keys choices and prices and no other, and is {_short(content)}")
            return Leaf((), {})
        listed = content["choices"]
        if not isinstance(listed, list | tuple):
            refuse(f"{key}.choices", f"must be a list of branches, and is {_short(listed)}")
            listed = []
        made = [branch(one, f"{key}.choices.{place}") for place, one in enumerate(listed)]
        return Leaf(tuple(one for one in made if one is not None), prices(content["prices"], f"{key}.prices"))

    def each(name: str) -> list[tuple[str, object]] | None:
        content = certificate.get(name)
        if content is not None and not isinstance(content, list | tuple):
            refuse(name, f"must be a list, and is {_short(content)}")
            return None
        return None if content is None else [(f"{name}.{place}", one) for place, one in enumerate(content)]

    listed, fixing = each("leaves"), each("fixings") or []
    search = Search(
        None if listed is None else tuple(leaf(one, key) for key, one in listed),
        tuple(leaf(one, key) for key, one in fixing),
    )
    if listed is None and fixing and not findings:
        refuse("fixings", "serve leaves, and there are none")
    if findings:
        raise InputError(findings)
    return search


def _short(content: object) -> str:
    text = repr(content)
    return text if len(text) <= 60 else text[:59] + "…"
