"""The rating report as one HTML page that needs no network, no script and no other file."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence

from lendplan.rating.card.card import Card
from lendplan.rating.card.words import (
    DIRECTIONS,
    STARTING_POINT,
    basis_lines,
    figure,
    headline,
    in_unit,
    key_figures,
    model_line,
    per_cent,
    points,
    spoken,
    together,
)

INK, QUIET, PAPER, RAISED, LOWERED = "#1a1a1a", "#525252", "#ffffff", "#1b5e97", "#a8431a"
"""Colours; each is at least 4.5 : 1 against the paper, and blue and orange tell apart for the colour-blind."""

BARS = 10
"""Contributions that the chart shows on each side; the rest are one bar, and all are in the table."""

# A page from elsewhere may not be asked for anything, whatever a name holds.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = f"""
:root {{ color-scheme: light; }}
body {{ margin: 2rem auto; max-width: 60rem; padding: 0 1.5rem; color: {INK}; background: {PAPER};
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, "PingFang SC", "Hiragino Sans GB",
  "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei", sans-serif; }}
h1 {{ font-size: 1.6rem; margin: 0; }}
h2 {{ font-size: 1.15rem; margin: 2rem 0 .5rem; border-bottom: 1px solid #c9c9c9; padding-bottom: .2rem; }}
header {{ display: flex; gap: 1.5rem; align-items: center; }}
.grade {{ min-width: 4rem; padding: .3rem .8rem; border: 3px solid {INK}; border-radius: .5rem; font-size: 2.6rem;
  font-weight: 700; line-height: 1.2; text-align: center; }}
.quiet {{ color: {QUIET}; font-weight: 400; }}
p {{ margin: .4rem 0; }}
table {{ border-collapse: collapse; margin: .5rem 0; font-size: .92rem; }}
caption {{ text-align: left; color: {QUIET}; padding: .2rem 0; white-space: nowrap; }}
th, td {{ text-align: left; vertical-align: top; padding: .25rem 1.4rem .25rem 0; border-bottom: 1px solid #e2e2e2; }}
th {{ font-weight: 600; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
.hash {{ font-family: ui-monospace, Consolas, monospace; font-size: .8rem; overflow-wrap: anywhere; }}
svg {{ width: 100%; height: auto; }}
svg text {{ font-size: 13px; fill: {INK}; }}
@media print {{
  body {{ margin: 0; max-width: none; padding: 0; font-size: 10.5pt; }}
  h2 {{ break-after: avoid; }} tr, svg, header {{ break-inside: avoid; }}
  * {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
}}
""".strip()

_ROW, _LABELS, _WIDTH = 22, 260, 900  # of the chart


def card_html(card: Card) -> str:
    """Return the report as a page; the same card gives the same page.

    Every text is escaped: a name such as ``<script>`` is shown, and does nothing. The page states that nothing may
    be loaded, has a language, headings in order, a caption to each table, and words for its picture.
    """
    parts = [
        *_heading(card),
        *_score(card),
        *_indicators(card),
        *_basis(card),
        *_further(card),
        "<h2>How it may be appealed</h2>",
        f"<p>{_text(card.appeal)}</p>",
    ]
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="generator" content="lendplan">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Rating report: {_escaped(card.enterprise)} {_escaped(card.name)}</title>\n"
        f"<style>\n{_STYLE}\n</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _escaped(text: str) -> str:
    """Return text with nothing in it that HTML reads as more; control characters become U+FFFD."""
    return html.escape("".join(one if one.isprintable() or one == " " else "\ufffd" for one in text))


def _text(text: str) -> str:
    """Return escaped text; Chinese is marked as such, so that it is drawn and read aloud in Chinese letters."""
    is_chinese = any("\u3400" <= letter <= "\u9fff" for letter in text)
    return f'<span lang="zh-Hans">{_escaped(text)}</span>' if is_chinese else _escaped(text)


def _name(text: str) -> str:
    """Return somebody's name, kept apart from the direction in which the words around it are written."""
    return f"<bdi>{_text(text)}</bdi>"


def _table(
    caption: str, header: Sequence[str], rows: Iterable[Sequence[str]], numbers: frozenset[int]
) -> str:
    """Return a table of cells that are escaped already; the columns in `numbers` stand to the right."""

    def cell(tag: str, place: int, text: str, more: str = "") -> str:
        kind = ' class="number"' if place in numbers else ""
        return f"<{tag}{more}{kind}>{text}</{tag}>"

    head = "".join(cell("th", place, text, ' scope="col"') for place, text in enumerate(header))
    lines = [
        "<tr>"
        + "".join(
            cell("td", place, text) if place else cell("th", 0, text, ' scope="row"')
            for place, text in enumerate(row)
        )
        + "</tr>"
        for row in rows
    ]
    body = "\n".join(lines)
    return f"<table>\n<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _heading(card: Card) -> list[str]:
    name = f" {_name(card.name)}" if card.name else ""
    reason = [f'<p class="quiet">{_text(card.reason)}</p>'] if card.reason and card.grade else []
    rows = [
        (_escaped(title), _escaped(value), f'<span class="quiet">{_escaped(meaning)}</span>')
        for title, value, meaning in key_figures(card)
    ]
    figures = [_table("Key figures", ("figure", "value", "meaning"), rows, frozenset({1}))] if rows else []
    if card.grade_probabilities:
        header = ("grade", *(_escaped(grade) for grade, _ in card.grade_probabilities))
        row = ("how likely", *(per_cent(chance) for _, chance in card.grade_probabilities))
        figures.append(_table("The model's forecast", header, [row], frozenset(range(1, len(row)))))
    return [
        "<header>",
        f'<div class="grade" aria-hidden="true">{_escaped(card.grade or "–")}</div>',
        f"<div><h1>Rating report: {_name(card.enterprise)}{name}</h1>",
        f"<p>{_text(headline(card))}</p>",
        *reason,
        "</div>",
        "</header>",
        *figures,
    ]


def _score(card: Card) -> list[str]:
    if not card.contributions:
        return []
    rows = [
        (_escaped(spoken(name)), f'<span style="color:{colour}">{points(one)}</span>')
        for colour, parts in ((RAISED, card.raised), (LOWERED, card.lowered))
        for name, one in parts
    ]
    rows += [(_escaped(spoken(name)), points(0.0)) for name in card.untouched]
    first = (STARTING_POINT, f"{card.base:.2f}")
    last = ("<strong>score</strong>", f"<strong>{card.score:.2f}</strong>")
    return [
        "<h2>What raised the score, and what lowered it</h2>",
        f"<p>{card.base:.2f} is {STARTING_POINT}. What raised the score gives {together(card.raised)} points, what "
        f"lowered it {together(card.lowered)}: together {card.score:.2f}.</p>",
        _chart(card),
        _table("Points, rounded to two digits", ("from", "points"), [first, *rows, last], frozenset({1})),
    ]


def _chart(card: Card) -> str:
    """Return the contributions as bars to the right (raised) and to the left (lowered) of a line."""
    bars = [*_gathered(card.raised), *_gathered(card.lowered)]
    most = max((abs(one) for _, one in bars), default=0.0) or 1.0
    middle = _LABELS + (_WIDTH - _LABELS) / 2
    reach = (_WIDTH - _LABELS) / 2 - 60
    height = _ROW * len(bars) + 8
    lines = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="chart-title chart-words">',
        '<title id="chart-title">Points that the indicators add to the score</title>',
        '<desc id="chart-words">Bars to the right raised the score, bars to the left lowered it; the table below has '
        "every figure.</desc>",
    ]
    for row, (words, one) in enumerate(bars):
        top = _ROW * row + 4
        length = reach * abs(one) / most
        left = middle if one > 0 else middle - length
        at, anchor = (middle + length + 6, "start") if one > 0 else (middle - length - 6, "end")
        lines += [
            f'<text x="{_LABELS - 10}" y="{top + 15}" text-anchor="end">{_escaped(words)}</text>',
            f'<rect x="{left:.2f}" y="{top + 2}" width="{length:.2f}" height="{_ROW - 6}" '
            f'fill="{RAISED if one > 0 else LOWERED}"/>',
            f'<text x="{at:.2f}" y="{top + 15}" text-anchor="{anchor}">{points(one)}</text>',
        ]
    lines.append(f'<line x1="{middle}" y1="0" x2="{middle}" y2="{height}" stroke="{INK}"/>')
    return "\n".join([*lines, "</svg>"])


def _gathered(parts: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Return contributions as the chart shows them: the largest one by one, the rest in one bar."""
    shown = [(spoken(name), one) for name, one in parts[:BARS]]
    rest = parts[BARS:]
    return [*shown, (f"{len(rest)} others", math.fsum(one for _, one in rest))] if rest else shown


def _indicators(card: Card) -> list[str]:
    if not card.indicators:
        return []
    rows = [
        (
            _escaped(in_unit(one))
            + (f'<br><span class="quiet">{_escaped(one.description)}</span>' if one.description else ""),
            figure(one.value),
            figure(one.median),
            _escaped(one.standing),
            DIRECTIONS[one.direction],
        )
        for one in card.indicators
        if not math.isnan(one.value)
    ]
    missing = (
        [f"<p>Not defined: {_escaped(', '.join(map(spoken, card.undefined)))}.</p>"] if card.undefined else []
    )
    header = ("indicator", "its own", "median of the book", "standing", "direction")
    return [
        "<h2>Indicators</h2>",
        *([_table("This enterprise beside the book", header, rows, frozenset({1, 2}))] if rows else []),
        *missing,
    ]


def _basis(card: Card) -> list[str]:
    lines = [f"<li>{_text(line)}</li>" for line in basis_lines(card.basis)]
    parts = ["<h2>Data it rests on</h2>", "<ul>", *lines, "</ul>"]
    if card.basis.files:
        rows = [
            (
                _name(file.path + (f"#{file.sheet}" if file.sheet else "")),
                f'<span class="hash">{_escaped(file.sha256)}</span>',
            )
            for file in card.basis.files
        ]
        parts.append(_table("Files that were read", ("file", "SHA-256"), rows, frozenset()))
    stamp = model_line(card.model)
    if stamp:
        parts.append(f'<p>Rated by <span class="hash">{_escaped(stamp)}</span></p>')
    return parts


def _further(card: Card) -> list[str]:
    parts: list[str] = []
    if card.agencies:
        header = ("agency", "its rating", "our grade", "date", "remark")
        rows = [
            (_name(one.agency), _text(one.rating), _escaped(one.grade), _escaped(one.date), _text(one.remark))
            for one in card.agencies
        ]
        parts += _section("Third-party ratings", "Mapped by the master scale", header, rows, frozenset())
    if card.guarantees:
        header = ("kind", "amount", "haircut", "by", "remark")
        rows = [
            (
                _text(one.kind),
                figure(one.amount),
                per_cent(one.haircut),
                _name(one.guarantor),
                _text(one.remark),
            )
            for one in card.guarantees
        ]
        caption = "What lowers the loss given default"
        parts += _section("Guarantees and pledges", caption, header, rows, frozenset({1, 2}))
    if card.history:
        header = ("rated", "grade", "forecast", "default probability", "score")
        rows = [
            (
                _escaped(one.run),
                _escaped(one.grade or "–"),
                _escaped(one.grade_forecast or "–"),
                per_cent(one.default_probability),
                "–" if math.isnan(one.score) else f"{one.score:.2f}",
            )
            for one in card.history
        ]
        parts += _section("Earlier ratings", "Oldest first", header, rows, frozenset({3, 4}))
    return parts


def _section(
    title: str, caption: str, header: Sequence[str], rows: Sequence[Sequence[str]], numbers: frozenset[int]
) -> list[str]:
    return [f"<h2>{title}</h2>", _table(caption, header, rows, numbers)]
