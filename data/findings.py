"""What is wrong with an input, said so that the user can mend it: what, where, why, what to do next."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

LISTED = 50
"""Findings that `str(InputError)` spells out; the rest are counted."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with an input.

    Parameters
    ----------
    message
        What is wrong and the likely remedy.
    file
        The file as the user named it; a sheet stands after ``#``.
    line
        Line of the file, or row of the sheet; the header is 1.
    key
        Path of a scenario key (``lines.max``), or name of a table's column.
    column
        Column of the text within the line, from 1 (YAML only).
    """

    message: str
    file: str = ""
    line: int | None = None
    key: str | None = None
    column: int | None = None

    @property
    def where(self) -> str:
        """``file:line:column``, as far as each is known."""
        parts = [self.file] if self.file else []
        if self.line is not None:
            parts.append(str(self.line) if self.file else f"line {self.line}")
            if self.column is not None:
                parts.append(str(self.column))
        return ":".join(parts)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key or "", self.message) if part)


class InputError(Exception):
    """The input cannot be used; carries every finding, not the first alone.

    Parameters
    ----------
    findings
        One finding or several.
    """

    findings: tuple[Finding, ...]

    def __init__(self, findings: Finding | Iterable[Finding]) -> None:
        self.findings = (findings,) if isinstance(findings, Finding) else tuple(findings)
        super().__init__(self.findings)

    def __str__(self) -> str:
        lines = [str(finding) for finding in self.findings[:LISTED]]
        if len(self.findings) > LISTED:
            lines.append(f"… and {len(self.findings) - LISTED:,} more")
        return "\n".join(lines)


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the option nearest to `word`, never `word` itself, or an empty text."""
    known = {option.casefold(): option for option in options if option != word}
    near = get_close_matches(word.casefold(), list(known), n=1, cutoff=0.6)
    return f"; did you mean {known[near[0]]!r}?" if near else ""


def shown(value: object, width: int = 40) -> str:
    """Return `value` quoted for a message, cut to `width` characters."""
    text = str(value)
    return repr(text if len(text) <= width else text[: width - 1] + "…")


def listed(items: Sequence[object], count: int = 5) -> str:
    """Return the first `count` items joined by commas, and how many more there are."""
    text = ", ".join(str(item) for item in items[:count])
    return text if len(items) <= count else f"{text} and {len(items) - count:,} more"
