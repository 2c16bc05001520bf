"""A seeded generator of a simulated book: applicants that do not exist, in the proportions of real ones.

Every value is drawn; no row of any real book is copied or perturbed. The one thing taken from real data is the mix
of grades: 27 A, 38 B, 34 C and 24 D among the 123 rated enterprises of annex 1 of problem C of the 2020 Chinese
undergraduate modelling contest (CUMCM). What follows from a grade is chosen by us to look like a bank's own book:
the worse the grade, the likelier the default and the smaller the business; the larger the business, the larger its
line and the better its collateral.

    python -m lendplan.scenarios.generator --size 123 --seed 2027 --output enterprises.csv
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Texts = NDArray[np.object_]

GRADES = ("A", "B", "C", "D")
GRADE_MIX = (27, 38, 34, 24)  # of 123
SIZES = ("micro", "small", "medium")
INDUSTRIES = ("construction", "food", "logistics", "manufacturing", "retail", "services")
REGIONS = ("east", "north", "south", "west")

# By grade: median of the default probability, spread of its logarithm, and its least and largest value.
_DEFAULT = np.array(
    [
        (0.031, 0.30, 0.015, 0.060),
        (0.060, 0.24, 0.030, 0.100),
        (0.100, 0.23, 0.060, 0.170),
        (0.560, 0.18, 0.400, 0.900),
    ]
)
_MICRO_SMALL = np.array([(0.28, 0.68), (0.40, 0.78), (0.55, 0.90), (0.60, 0.92)])  # by grade, cumulative
_INDUSTRY_MIX = np.array([0.12, 0.14, 0.12, 0.22, 0.25, 0.15])
_REGION_MIX = np.array([0.36, 0.22, 0.27, 0.15])
_INDUSTRY_RISK = np.array([1.12, 1.03, 0.98, 0.95, 1.00, 0.94])  # factor on the default probability
_LINE_MAX = np.array([(10.0, 32.0), (25.0, 66.0), (60.0, 100.0)])  # by size, from and to
_LINE_MIN = np.array([5.0, 10.0, 20.0])  # by size
_LOSS = np.array([(0.45, 0.65), (0.38, 0.58), (0.28, 0.48)])  # by size: the larger, the better the collateral

_DECLINED_SHARE, _LENT_SHARE = 0.04, 0.015
_DECLINED = (
    "court case pending",
    "accounts not filed",
    "withdrew the application",
    "largest customer insolvent",
    "ownership under review",
)
_LENT = ("line committed in a framework agreement", "last year of a regional start-up programme")

COLUMNS = (
    "enterprise",
    "name",
    "grade",
    "default_probability",
    "loss_given_default",
    "line_min",
    "line_max",
    "industry",
    "region",
    "size",
    "must",
    "must_reason",
)


def simulate_book(size: int = 123, seed: int = 2027) -> pd.DataFrame:
    """Simulate a book of applicants.

    Parameters
    ----------
    size : number of enterprises, at least 1
    seed : the same size and seed give the same book, on every machine

    Returns
    -------
    pandas.DataFrame
        Shape (size, 12), the columns :data:`COLUMNS` of the enterprises table: probabilities and losses are
        fractions, lines are in units of 10,000 CNY. ``risk_weight`` is left to default_probability ×
        loss_given_default. Grades stand in the real proportions (largest remainder), exactly so at 123.

    Raises
    ------
    ValueError
        If the size is below 1 or the seed below 0.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, and is {size}")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, and is {seed}")
    # Only uniform numbers are drawn, and shaped here: numpy may change how it draws other distributions.
    draw = np.random.default_rng(seed)
    counts = _largest_remainder(np.array(GRADE_MIX, dtype=float), size)
    grade = np.repeat(np.arange(len(GRADES)), counts)[_shuffle(draw, size)]
    scale = _drawn_size(draw, grade)
    industry = np.searchsorted(np.cumsum(_INDUSTRY_MIX)[:-1], draw.random(size), side="right")
    region = np.searchsorted(np.cumsum(_REGION_MIX)[:-1], draw.random(size), side="right")
    line_max = _between(_LINE_MAX[scale], draw.random(size))
    must, reason = _decided_beforehand(draw, grade)
    number = np.arange(1, size + 1)
    width = max(4, len(str(size)))
    columns = {
        "enterprise": np.array([f"S{i:0{width}d}" for i in number.tolist()], dtype=object),
        "name": np.array(
            [
                f"Simulated {INDUSTRIES[code]} {i}"
                for i, code in zip(number.tolist(), industry.tolist(), strict=True)
            ],
            dtype=object,
        ),
        "grade": _named(GRADES, grade),
        "default_probability": _default_probability(draw, grade, scale, industry),
        "loss_given_default": np.round(_between(_LOSS[scale], draw.random(size)), 2),
        "line_min": _LINE_MIN[scale].astype(np.int64),
        "line_max": np.round(line_max).astype(np.int64),
        "industry": _named(INDUSTRIES, industry),
        "region": _named(REGIONS, region),
        "size": _named(SIZES, scale),
        "must": must,
        "must_reason": reason,
    }
    return pd.DataFrame({name: columns[name] for name in COLUMNS})


def write_book(book: pd.DataFrame, path: str | Path) -> Path:
    """Write a book as ``.csv`` or ``.parquet``; the file is there whole or not at all.

    Raises
    ------
    ValueError
        If the name ends otherwise.
    OSError
        If it cannot be written; what stood there before stands.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in (".csv", ".parquet"):
        raise ValueError(f"{target} must end in .csv or .parquet")
    with _replaced(target) as file:
        if kind == ".csv":
            file.write(book.to_csv(index=False, lineterminator="\n").encode("utf-8"))
        else:
            book.to_parquet(file, index=False)
    return target


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0, 2 for wrong usage, 8 where the file could not be written."""
    parser = argparse.ArgumentParser(
        prog="python -m lendplan.scenarios.generator",
        description="Write a simulated book of applicants: none of them exists. Amounts are in units of 10,000 CNY.",
    )
    parser.add_argument("--size", type=int, default=123, help="number of enterprises (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=2027, help="seed of the draw (default: %(default)s)")
    parser.add_argument("--output", required=True, metavar="FILE", help="a .csv or .parquet file")
    given = parser.parse_args(arguments)
    if Path(given.output).suffix.lower() not in (".csv", ".parquet"):
        parser.error(f"--output: {given.output} must end in .csv or .parquet")
    try:
        book = simulate_book(given.size, given.seed)
    except ValueError as error:
        parser.error(str(error))
    try:
        write_book(book, given.output)
    except OSError as error:
        parser.exit(8, f"{parser.prog}: {given.output} could not be written: {error.strerror or error}\n")
    return 0


def _largest_remainder(weights: Floats, total: int) -> Codes:
    """Share a whole number in proportion; ties go to the earlier weight."""
    exact = weights * total / weights.sum()
    counts: Codes = np.floor(exact + 1e-9).astype(np.int64)
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[: total - int(counts.sum())]] += 1
    return counts


def _shuffle(draw: np.random.Generator, size: int) -> Codes:
    return np.asarray(np.argsort(draw.random(size), kind="stable"), dtype=np.int64)


def _bell(draw: np.random.Generator, size: int) -> Floats:
    """Return bell-shaped numbers of mean 0 and deviation 1, within ±3: three uniform ones added, shape (size,)."""
    return 2.0 * (draw.random(size) + draw.random(size) + draw.random(size) - 1.5)


def _between(ends: Floats, share: Floats) -> Floats:
    return np.asarray(ends[:, 0] + (ends[:, 1] - ends[:, 0]) * share)


def _drawn_size(draw: np.random.Generator, grade: Codes) -> Codes:
    share = draw.random(len(grade))
    return np.asarray(np.sum(share[:, None] >= _MICRO_SMALL[grade], axis=1), dtype=np.int64)


def _default_probability(draw: np.random.Generator, grade: Codes, scale: Codes, industry: Codes) -> Floats:
    median, spread, least, most = _DEFAULT[grade].T
    by_size = np.array([1.06, 1.0, 0.93])[scale]
    drawn = median * np.exp(spread * _bell(draw, len(grade))) * by_size * _INDUSTRY_RISK[industry]
    return np.asarray(np.round(np.clip(drawn, least, most), 4))


def _decided_beforehand(draw: np.random.Generator, grade: Codes) -> tuple[Texts, Texts]:
    """Choose the few whom the credit committee has decided on already; nobody graded C or D must be lent to."""
    size = len(grade)
    must, reason = np.full(size, "", dtype=object), np.full(size, "", dtype=object)
    order = _shuffle(draw, size)
    lent = order[grade[order] <= 1][: round(_LENT_SHARE * size)]
    others = order[~np.isin(order, lent) & (grade[order] < 3)]
    declined = others[: round(_DECLINED_SHARE * size)]
    for chosen, word, why in ((lent, "lend", _LENT), (declined, "decline", _DECLINED)):
        must[chosen] = word
        reason[chosen] = np.resize(np.array(why, dtype=object), len(chosen))
    return must, reason


def _named(names: Sequence[str], codes: Codes) -> Texts:
    return np.array(names, dtype=object)[codes]


@contextlib.contextmanager
def _replaced(target: Path) -> Iterator[IO[bytes]]:
    """Give a file beside the target to fill, and put it in the target's place when the block ends without error."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)  # mkstemp keeps the file to its owner
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    raise SystemExit(main())
