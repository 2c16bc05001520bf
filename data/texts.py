"""A column of text that stays small: distinct values and a code a row, or packed text where most values differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.data.bridge import SMALL, arrow_numbers, arrow_texts, kernels, numpy_of, strings_of

Codes = NDArray[np.int32]
Strings = NDArray[np.object_]
Mask = NDArray[np.bool_]


class Texts:
    """A column of text; '' is blank.

    A million rows of a few values take four bytes each as codes; a million ids take their letters and eight bytes each
    as packed text, where Python's own strings take sixty. Comparisons and groups look at each distinct value once.

    Parameters
    ----------
    codes
        Position in `values`, (rows,).
    values
        Distinct texts, (v,); some may stand in no row.
    """

    __slots__ = ("_codes", "_packed", "_values")

    def __init__(self, codes: Codes, values: Strings) -> None:
        self._codes: Codes | None = codes
        self._values: Strings | None = values
        self._packed: Any = None

    @classmethod
    def of(cls, texts: Iterable[str]) -> Texts:
        """Take texts as they are, one a row."""
        place: dict[str, int] = {}
        codes = np.array([place.setdefault(text, len(place)) for text in texts], dtype=np.int32)
        return cls(codes, strings(list(place)))

    @classmethod
    def repeated(cls, text: str, rows: int) -> Texts:
        """Return one text in every row."""
        return cls(np.zeros(rows, dtype=np.int32), strings([text]))

    @classmethod
    def packed(cls, array: Any) -> Texts:
        """Take an Arrow array of large strings without nulls."""
        made = cls.__new__(cls)
        made._codes, made._values, made._packed = None, None, array
        return made

    @classmethod
    def joined(cls, parts: Sequence[Texts]) -> Texts:
        """Return several columns one after another."""
        if len(parts) == 1:
            return parts[0]
        import pyarrow as pa

        return cls.packed(pa.concat_arrays([part.arrow() for part in parts]))

    @classmethod
    def recoded(cls, codes: Codes, values: Sequence[str]) -> Texts:
        """Take codes into values that may repeat one another."""
        place: dict[str, int] = {}
        first = np.array([place.setdefault(value, len(place)) for value in values], dtype=np.int32)
        return cls(codes if len(place) == len(values) else first[codes], strings(list(place)))

    def __len__(self) -> int:
        return len(self._packed) if self._codes is None else len(self._codes)

    def __getitem__(self, row: int | np.integer[Any]) -> str:
        if self._codes is None or self._values is None:
            return str(self._packed[int(row)])
        return str(self._values[self._codes[row]])

    def __iter__(self) -> Iterator[str]:
        return iter(self.tolist())

    def __repr__(self) -> str:
        shown = ", ".join(repr(self[row]) for row in range(min(len(self), 5)))
        return f"Texts({shown}{', …' if len(self) > 5 else ''}; {len(self):,} rows)"

    @property
    def is_packed(self) -> bool:
        """Whether the texts stand one by one, since most of them differ."""
        return self._codes is None

    def objects(self) -> Strings:
        """Return the texts as Python strings, (rows,)."""
        if self._codes is None or self._values is None:
            return strings(strings_of(self._packed))
        return self._values[self._codes]

    def tolist(self) -> list[str]:
        """Return the texts as a list."""
        return list(self.objects().tolist())

    def coded(self) -> tuple[Codes, Strings]:
        """Return codes, (rows,), and the distinct values they stand for, (v,); some may stand in no row."""
        if self._codes is None or self._values is None:
            found = self._packed.dictionary_encode()
            return numpy_of(found.indices), strings(strings_of(found.dictionary))
        return self._codes, self._values

    def present(self) -> list[str]:
        """Return the texts that stand in some row, in sorted order."""
        codes, values = self.coded()
        return sorted(values[np.bincount(codes, minlength=len(values)) > 0].tolist())

    def arrow(self) -> Any:
        """Return an Arrow array of large strings."""
        if self._codes is None or self._values is None:
            return self._packed
        if len(self) < SMALL:
            return arrow_texts(self.tolist())
        return arrow_texts(list(self._values)).take(arrow_numbers(self._codes))

    def take(self, rows: NDArray[Any] | slice) -> Texts:
        """Return some rows, given by position, as a mask or as a slice."""
        if self._codes is None or self._values is None:
            if isinstance(rows, slice):
                return Texts.packed(self._packed[rows])
            chosen = self._packed.filter if rows.dtype == bool else self._packed.take
            return Texts.packed(chosen(arrow_numbers(rows)))
        return Texts(self._codes[rows], self._values)

    def equals(self, text: str) -> Mask:
        """Return where a text stands, (rows,)."""
        return self.isin([text])

    def isin(self, texts: Iterable[str]) -> Mask:
        """Return where one of some texts stands, (rows,)."""
        wanted = set(texts)
        if self._codes is None or self._values is None:
            return numpy_of(kernels().is_in(self._packed, value_set=arrow_texts(list(wanted))))
        is_wanted = np.array([value in wanted for value in self._values], dtype=bool)
        return is_wanted[self._codes]

    def starts_with(self, beginnings: tuple[str, ...]) -> Mask:
        """Return where a text begins with one of some others, (rows,)."""
        if self._codes is None or self._values is None:
            compute = kernels()

            found = np.zeros(len(self), dtype=bool)
            for beginning in beginnings:
                found |= numpy_of(compute.starts_with(self._packed, beginning))
            return found
        return np.array([value.startswith(beginnings) for value in self._values], dtype=bool)[self._codes]

    def differs(self, other: Texts) -> Mask:
        """Return where another column of as many rows has another text, (rows,)."""
        if self._codes is None or other._codes is None:
            return numpy_of(kernels().not_equal(self.arrow(), other.arrow()))
        (ours, values), (theirs, others) = self.coded(), other.coded()
        place = {value: position for position, value in enumerate(values)}
        return np.asarray(ours != np.array([place.get(one, -1) for one in others], dtype=np.int32)[theirs])

    def positions_in(self, other: Texts) -> NDArray[np.int64]:
        """Return the first row of another column in which each text stands, −1 where there is none, (rows,)."""
        if len(self) + len(other) < SMALL:
            place: dict[str, int] = {}
            for row, text in enumerate(other):
                place.setdefault(text, row)
            return np.array([place.get(text, -1) for text in self], dtype=np.int64)
        found = kernels().index_in(self.arrow(), value_set=other.arrow()).fill_null(-1)
        return numpy_of(found).astype(np.int64)

    def repeats(self) -> NDArray[np.int64]:
        """Return the rows whose text stands in an earlier row already, blanks aside."""
        if self._codes is None:
            compute = kernels()

            # Ids mostly stand in their order, and then two neighbours tell; else a table of all of them does.
            ordered = compute.all(compute.less(self._packed[:-1], self._packed[1:])).as_py()
            if ordered or len(self._packed.unique()) == len(self):
                return np.empty(0, dtype=np.int64)
        codes, values = self.coded()
        again = np.ones(len(codes), dtype=bool)
        again[np.unique(codes, return_index=True)[1]] = False
        return np.flatnonzero(again & (values != "")[codes])

    def mapped(self, change: Callable[[str], str]) -> Texts:
        """Return each text changed; every distinct value is changed once."""
        codes, values = self.coded()
        return Texts.recoded(codes, [change(value) for value in values])

    def overlaid(self, rows: NDArray[np.int64], texts: Texts) -> Texts:
        """Return a copy in which other texts stand in some rows; `rows` has as many positions as `texts` has rows."""
        if texts.is_packed or self._codes is None:
            import pyarrow as pa

            source = np.arange(len(self))
            source[rows] = len(self) + np.arange(len(rows))
            return Texts.packed(pa.concat_arrays([self.arrow(), texts.arrow()]).take(arrow_numbers(source)))
        (codes, values), (others, theirs) = self.coded(), texts.coded()
        place = {value: position for position, value in enumerate(values)}
        new = np.array([place.setdefault(value, len(place)) for value in theirs], dtype=np.int32)
        codes = codes.copy()
        codes[rows] = new[others]
        return Texts(codes, strings(list(place)))

    def overlaid_where(self, where: Mask, texts: Texts) -> Texts:
        """Return a copy in which another column of as many rows stands where `where` says so."""
        rows = np.flatnonzero(where)
        return self.overlaid(rows, texts.take(rows)) if rows.size else self


def strings(texts: list[str]) -> Strings:
    """Return texts as an array of Python strings, (n,)."""
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array
