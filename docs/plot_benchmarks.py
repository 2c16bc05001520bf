"""Draw the benchmarks and write their table, from the committed figures.

    python benchmarks/run.py against_peers --csv docs/benchmarks_peers.csv
    python benchmarks/run.py goals --csv docs/benchmarks_goals.csv
    python docs/plot_benchmarks.py

Reads the two CSV files; writes images/benchmarks.svg and benchmarks_tables.inc, which benchmarks.md includes.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parent
PEERS, GOALS = DOCS / "benchmarks_peers.csv", DOCS / "benchmarks_goals.csv"
PICTURE, TABLES = DOCS / "images" / "benchmarks.svg", DOCS / "benchmarks_tables.inc"
NOTE = "<!-- Written by docs/plot_benchmarks.py; run the benchmarks again instead of editing. -->"
# Colours of Okabe and Ito, told apart by the colour-blind; the markers tell them apart in print.
STYLES = {
    "lendplan": ("#000000", "o"),
    "HiGHS, plain model": ("#0072B2", "s"),
    "HiGHS, tight model": ("#56B4E9", "D"),
    "SCIP": ("#D55E00", "^"),
    "CP-SAT": ("#009E73", "v"),
    "genetic algorithm": ("#CC79A7", "P"),
    "SLSQP, rounded": ("#E69F00", "X"),
}

Rows = list[dict[str, str]]


def main() -> None:
    peers = _read(PEERS)
    goals = _read(GOALS) if GOALS.exists() else []
    measured = [row for row in peers if row["size"]]
    _draw(measured)
    parts = [NOTE, "### What was to be reached", _goals_table(goals)] if goals else [NOTE]
    parts += [
        "### Against peers",
        _peers_table(measured),
        _growth_table([row for row in peers if not row["size"]]),
    ]
    TABLES.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def _read(path: Path) -> Rows:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _draw(rows: Rows) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    # Text stays text, and the same figures give the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "lendplan", "font.size": 9})
    from matplotlib import pyplot as plt

    limits = sorted({int(row["limits"]) for row in rows})
    gaps = sorted({float(row["gap"]) for row in rows}, reverse=True)
    figure, axes = plt.subplots(
        len(gaps),
        len(limits),
        figsize=(3.2 * len(limits), 2.7 * len(gaps)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for line, gap in enumerate(gaps):
        for place, number in enumerate(limits):
            panel = axes[line][place]
            for method, (colour, marker) in STYLES.items():
                points = [
                    (int(row["size"]), float(row["seconds"]))
                    for row in rows
                    if row["method"] == method
                    and int(row["limits"]) == number
                    and float(row["gap"]) == gap
                    and row["seconds"]
                ]
                panel.plot(
                    *zip(*points, strict=True) if points else ((), ()),
                    color=colour,
                    marker=marker,
                    ms=4,
                    label=method,
                )
            panel.set_xscale("log")
            panel.set_yscale("log")
            panel.grid(True, which="major", color="#dddddd", linewidth=0.6)
            panel.set_title(f"{number} limits, gap {gap:.0e}", fontsize=9)
            if line == len(gaps) - 1:
                panel.set_xlabel("enterprises")
            if place == 0:
                panel.set_ylabel("seconds")
    handles, names = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="lower center", ncols=4 if len(limits) > 2 else 3, frameon=False)
    figure.tight_layout(rect=(0, 0.13, 1, 1))
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _goals_table(rows: Rows) -> str:
    """One line a goal; those that are no comparison of times have a figure and a unit."""
    lines = []
    for row in rows:
        if row.get("seconds"):
            reached = f"{float(row['ratio']):.3g}"
            times = f"{_seconds(row['seconds'])} against {_seconds(row['reference_seconds'])} ({row['reference']})"
        else:
            reached, times = f"{float(row['figure']):.3g} {row['unit']}", ""
        lines.append((row["case"], times, reached, row["wanted"], row["met"], row["note"]))
    return _table(("what", "times", "ratio or figure", "wanted", "", "notes"), lines)


def _peers_table(rows: Rows) -> str:
    """One line an instance and method, the gaps beside each other."""
    gaps = sorted({float(row["gap"]) for row in rows}, reverse=True)
    groups: dict[tuple[str, str, str], Rows] = {}
    for row in rows:
        groups.setdefault((row["limits"], row["size"], row["method"]), []).append(row)
    lines = []
    for (limits, size, method), group in groups.items():
        first = group[0]
        by_gap = {float(row["gap"]): row for row in group}
        bind = f"{first['binding']} of {first['rows']}" + (" (easy)" if first["easy"] else "")
        held = max((float(row["megabytes"]) for row in group if row["megabytes"]), default=None)
        lines.append(
            (
                f"{int(size):,}",
                limits,
                bind,
                method,
                *(_reached(by_gap[gap]) if gap in by_gap else "" for gap in gaps),
                "" if held is None else f"{held:,.0f}",
            )
        )
    wanted = tuple(f"seconds to {gap:.0e}" for gap in gaps)
    return _table(("enterprises", "limits", "rows that bind", "method", *wanted, "MB"), lines)


def _reached(row: dict[str, str]) -> str:
    """The time and how many times ours it is, or why there is none."""
    if row["seconds"]:
        times = row["times_ours"]
        more = f" ({float(times):.3g} ×)" if times and row["method"] != "lendplan" else ""
        return _seconds(row["seconds"]) + more
    gap = f", gap {float(row['reached']):.0e}" if row["reached"] else ""
    return f"{row['outcome']}{gap}"


def _growth_table(rows: Rows) -> str:
    lines = [
        (
            row["limits"],
            row["method"],
            f"{float(row['gap']):.0e}",
            f"{float(row['exponent']):.2f}",
            row["outcome"],
        )
        for row in rows
        if row.get("exponent")
    ]
    return _table(("limits", "method", "gap", "exponent", ""), lines) if lines else ""


def _seconds(text: str) -> str:
    return f"{float(text):.3g} s"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    shown = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in shown)


if __name__ == "__main__":
    main()
