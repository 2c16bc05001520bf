# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The loops of :class:`lendplan.solvers.blocks.NumpyBlock` in C: the same numbers, to the last bit.

A stretch is passed over once, ``CHUNK`` enterprises at a time: what line, exposure, interest and the loan are worth to
each, the ratio that finds its rate on the envelope, its line, and what it adds to its cell. Nothing of the size of the
stretch is written. The interpreter's lock is not held, so stretches are answered side by side.

To the last bit: every sum is taken in the order in which NumPy's ``bincount`` takes it, one enterprise after the
other, and the C compiler is told not to contract a·b + c into one rounding (``-ffp-contract=off``).
"""

from libc.math cimport INFINITY, fabs, fmax
from libc.stdint cimport int32_t, int64_t, uint8_t

import numpy as np

from lendplan.models.measures import MEASURES
from lendplan.solvers.stretch import BASIS

cdef enum:
    CHUNK = 256
    LINE = 0  # the basis, in its order
    EXPOSURE = 1
    INTEREST = 2
    COUNT = 3
    BASES = 4
    MOST_MEASURES = 8
    SEARCHED = -1  # in place of a count of breakpoints: the rates are looked at one by one

assert BASIS == ("line", "exposure", "interest", "count")
assert len(MEASURES) <= MOST_MEASURES


cdef struct Group:
    int32_t start
    int32_t stop
    int32_t curve
    int32_t first
    int32_t last
    int32_t gaining  # where the breakpoints of the chain for directions that gain by interest begin …
    int32_t gaining_count
    int32_t gaining_rate  # … and its rates, a −1 on either side
    int32_t losing
    int32_t losing_count
    int32_t losing_rate


cdef struct Chunk:
    double[BASES][CHUNK] worth  # of a unit of each of the basis
    double[CHUNK] ratio
    double[CHUNK] place
    int32_t[CHUNK] rate
    int32_t[CHUNK] before  # the rates that the best one gives way to, −1 for none
    int32_t[CHUNK] after


cdef class CompiledBlock:
    """A stretch of the book that answers prices, in loops."""

    cdef readonly object stretch, at
    cdef const double[::1] low, high
    cdef const uint8_t[::1] must
    cdef bint anybody_must
    cdef const int32_t[::1] cell
    cdef const int64_t[:, ::1] slots
    cdef const int32_t[:, ::1] groups
    cdef const double[::1] until
    cdef const int32_t[::1] rates
    cdef const double[:, ::1] exposure, interest
    cdef const int32_t[::1] common_basis, common_measure, own_basis, own_measure
    cdef const double[::1] common_factor
    cdef const double[:, ::1] own_factor
    cdef int size, cells, terms, measures

    def __init__(self, stretch):
        self.stretch, self.at = stretch, stretch.at
        self.low, self.high = stretch.low, stretch.high
        self.anybody_must = stretch.must is not None
        must = np.zeros(0, dtype=bool) if stretch.must is None else stretch.must
        self.must = must.view(np.uint8)
        self.cell, self.slots = stretch.cell, np.ascontiguousarray(stretch.slots, dtype=np.int64)
        self.exposure = np.ascontiguousarray(stretch.exposure)
        self.interest = np.ascontiguousarray(stretch.interest)
        self.common_basis, self.common_measure = stretch.common.basis, stretch.common.measure
        self.common_factor = stretch.common.factor
        self.own_basis, self.own_measure = stretch.own.basis, stretch.own.measure
        self.own_factor = stretch.own.factor
        self.size, self.cells = len(stretch.at), len(stretch.slots)
        self.terms, self.measures = len(stretch.own.basis), len(MEASURES)
        groups, until, rates = [], [np.empty(0)], [np.empty(0, dtype=np.int64)]
        breaks = places = 0
        for group in stretch.groups:
            head = [group.rows.start, group.rows.stop, group.curve, group.first, group.last]
            if group.envelope is None:
                groups.append([*head, 0, SEARCHED, 0, 0, 0, 0])
                continue
            for chain in (group.envelope.gaining, group.envelope.losing):
                head += [breaks, len(chain.until), places]
                until.append(chain.until)
                rates += [[-1], chain.rate, [-1]]
                breaks += len(chain.until)
                places += len(chain.rate) + 2
            groups.append(head)
        self.groups = np.array(groups, dtype=np.int32).reshape(len(groups), 11)
        self.until = np.concatenate(until)
        self.rates = np.concatenate(rates).astype(np.int32)

    def __reduce__(self):
        """Travel as the stretch: where it arrives there may be no compiled loops."""
        from lendplan.solvers.blocks import block_of

        return block_of, (self.stretch,)

    def answer(self, const double[:, ::1] worth):
        """Return what the best choices add up to in each slot, (slots + 1, measures + 1)."""
        cdef double[:, ::1] coefficient = np.zeros((self.cells, BASES + self.terms))
        cdef double[:, ::1] added = np.zeros((self.cells, BASES + 1 + self.terms))
        table = np.zeros((worth.shape[0], self.measures + 1))
        cdef double[:, ::1] out = table
        with nogil:
            self._price(worth, coefficient)
            self._add(coefficient, added)
            self._spread(added, out)
        return table

    def choose(self, const double[:, ::1] worth):
        """Return everybody's best rate, −1 where nothing is lent, and line; shapes (b,)."""
        cdef double[:, ::1] coefficient = np.zeros((self.cells, BASES + self.terms))
        rates, lines = np.empty(self.size, dtype=np.int64), np.empty(self.size)
        cdef int64_t[::1] rate = rates
        cdef double[::1] line = lines
        with nogil:
            self._price(worth, coefficient)
            self._choose(coefficient, rate, line)
        return rates, lines

    def closeness(self, const double[:, ::1] worth, *, bint lending=False):
        """Return by how much each enterprise's best choice beats the next ones, (b,), 0 for a tie."""
        cdef double[:, ::1] coefficient = np.zeros((self.cells, BASES + self.terms))
        close = np.empty(self.size)
        cdef double[::1] out = close
        with nogil:
            self._price(worth, coefficient)
            self._closeness(coefficient, lending, out)
        return close

    cdef void _price(self, const double[:, ::1] worth, double[:, ::1] coefficient) noexcept nogil:
        """Add up what the basis is worth to each cell, and what each own factor is to be multiplied with."""
        cdef double[MOST_MEASURES] measure
        cdef Py_ssize_t cell, column, at
        cdef int64_t slot
        for cell in range(self.cells):
            for at in range(self.measures):
                measure[at] = 0.0
            for column in range(self.slots.shape[1]):
                slot = self.slots[cell, column]
                for at in range(self.measures):
                    measure[at] += worth[slot, at]
            for at in range(self.common_basis.shape[0]):
                coefficient[cell, self.common_basis[at]] += (
                    self.common_factor[at] * measure[self.common_measure[at]]
                )
            for at in range(self.terms):
                coefficient[cell, BASES + at] = measure[self.own_measure[at]]

    cdef void _value(
        self, const double[:, ::1] coefficient, Py_ssize_t first, int count, Chunk* chunk
    ) noexcept nogil:
        """Say what each of the basis is worth to the enterprises of a chunk."""
        cdef const int32_t* cell = &self.cell[first]
        cdef const double* factor
        cdef const double* row
        cdef double* worth
        cdef int i
        cdef Py_ssize_t term
        for i in range(count):
            row = &coefficient[cell[i], 0]
            chunk.worth[LINE][i] = row[LINE]
            chunk.worth[EXPOSURE][i] = row[EXPOSURE]
            chunk.worth[INTEREST][i] = row[INTEREST]
            chunk.worth[COUNT][i] = row[COUNT]
        for term in range(self.terms):
            factor = &self.own_factor[term, first]
            worth = &chunk.worth[self.own_basis[term]][0]
            for i in range(count):
                worth[i] += coefficient[cell[i], BASES + term] * factor[i]

    cdef void _rate(self, const Group* group, int count, bint beside, Chunk* chunk) noexcept nogil:
        """Find the best rates of a chunk, and, if asked for, those beside them."""
        cdef const double* exposure = &chunk.worth[EXPOSURE][0]
        cdef const double* interest = &chunk.worth[INTEREST][0]
        cdef const int32_t* rates
        cdef double until
        cdef int i, j, place
        if group.gaining_count == SEARCHED:
            for i in range(count):
                self._search(group, exposure[i], interest[i], &chunk.rate[i], &chunk.before[i])
                chunk.after[i] = -1
            return
        # A crossing that is not beyond the ratio is passed; NaN, for 0/0, passes all, as NumPy's search has it.
        for i in range(count):
            chunk.ratio[i] = exposure[i] / fabs(interest[i])
            chunk.place[i] = 0.0
        for j in range(group.gaining_count):
            until = self.until[group.gaining + j]
            for i in range(count):
                chunk.place[i] += 0.0 if until > chunk.ratio[i] else 1.0
        for i in range(count):
            rates = &self.rates[group.gaining_rate + <int>chunk.place[i]]
            if interest[i] < 0:
                place = 0
                for j in range(group.losing_count):
                    place += not (self.until[group.losing + j] > chunk.ratio[i])
                rates = &self.rates[group.losing_rate + place]
            chunk.rate[i] = rates[1]
            if beside:
                chunk.before[i] = rates[0]
                chunk.after[i] = rates[2]

    cdef void _search(
        self, const Group* group, double exposure, double interest, int32_t* best, int32_t* second
    ) noexcept nogil:
        """Find the best and the next best of the rates that a group may have, of equals the first."""
        cdef double v, most = -INFINITY, next_most = -INFINITY
        cdef int32_t rate
        best[0] = group.first
        second[0] = -1
        for rate in range(group.first, group.last + 1):
            v = exposure * self.exposure[group.curve, rate] + interest * self.interest[group.curve, rate]
            if v > most:
                if most > -INFINITY:
                    next_most = most
                    second[0] = best[0]
                most = v
                best[0] = rate
            elif v > next_most:
                next_most = v
                second[0] = rate

    cdef inline double _per_line(self, const Chunk* chunk, int i, int curve, int rate) noexcept nogil:
        """Return what a unit of line is worth at a rate."""
        cdef double v = chunk.worth[LINE][i] + chunk.worth[EXPOSURE][i] * self.exposure[curve, rate]
        return v + chunk.worth[INTEREST][i] * self.interest[curve, rate]

    cdef inline bint _is_lent(self, double best, Py_ssize_t at) noexcept nogil:
        return best > 0 or (self.anybody_must and self.must[at] != 0)

    cdef void _add(self, const double[:, ::1] coefficient, double[:, ::1] added) noexcept nogil:
        """Add up by cell: the basis of what is chosen, what it is worth, and the basis times each own factor."""
        cdef Chunk chunk
        cdef const Group* group
        cdef double[BASES] basis
        cdef double* sums
        cdef double v, best, line
        cdef Py_ssize_t g, first, at, term
        cdef int i, count
        for g in range(self.groups.shape[0]):
            group = <const Group*>&self.groups[g, 0]
            first = group.start
            while first < group.stop:
                count = <int>min(<Py_ssize_t>CHUNK, group.stop - first)
                self._value(coefficient, first, count, &chunk)
                self._rate(group, count, False, &chunk)
                for i in range(count):
                    at = first + i
                    v = self._per_line(&chunk, i, group.curve, chunk.rate[i])
                    line = self.high[at] if v > 0 else self.low[at]
                    best = line * v
                    best = best + chunk.worth[COUNT][i]
                    if not self._is_lent(best, at):
                        continue
                    basis[LINE] = line
                    basis[EXPOSURE] = line * self.exposure[group.curve, chunk.rate[i]]
                    basis[INTEREST] = line * self.interest[group.curve, chunk.rate[i]]
                    basis[COUNT] = 1.0 if line > 0 else 0.0
                    sums = &added[self.cell[at], 0]
                    sums[LINE] += basis[LINE]
                    sums[EXPOSURE] += basis[EXPOSURE]
                    sums[INTEREST] += basis[INTEREST]
                    sums[COUNT] += basis[COUNT]
                    sums[BASES] += best
                    for term in range(self.terms):
                        sums[BASES + 1 + term] += basis[self.own_basis[term]] * self.own_factor[term, at]
                first += count

    cdef void _spread(self, const double[:, ::1] added, double[:, ::1] table) noexcept nogil:
        """Turn sums by cell into measures by slot; the last slot counts nobody."""
        cdef double[MOST_MEASURES + 1] measure
        cdef Py_ssize_t cell, column, at, nobody = table.shape[0] - 1
        cdef int64_t slot
        for cell in range(self.cells):
            for at in range(self.measures):
                measure[at] = 0.0
            for at in range(self.common_basis.shape[0]):
                measure[self.common_measure[at]] += (
                    self.common_factor[at] * added[cell, self.common_basis[at]]
                )
            for at in range(self.terms):
                measure[self.own_measure[at]] += added[cell, BASES + 1 + at]
            measure[self.measures] = added[cell, BASES]
            for column in range(self.slots.shape[1]):
                slot = self.slots[cell, column]
                if slot != nobody:
                    for at in range(self.measures + 1):
                        table[slot, at] += measure[at]

    cdef void _choose(
        self, const double[:, ::1] coefficient, int64_t[::1] rate, double[::1] line
    ) noexcept nogil:
        cdef Chunk chunk
        cdef const Group* group
        cdef double v, best, one
        cdef Py_ssize_t g, first, at
        cdef int i, count
        for g in range(self.groups.shape[0]):
            group = <const Group*>&self.groups[g, 0]
            first = group.start
            while first < group.stop:
                count = <int>min(<Py_ssize_t>CHUNK, group.stop - first)
                self._value(coefficient, first, count, &chunk)
                self._rate(group, count, False, &chunk)
                for i in range(count):
                    at = first + i
                    v = self._per_line(&chunk, i, group.curve, chunk.rate[i])
                    one = self.high[at] if v > 0 else self.low[at]
                    best = one * v
                    best = best + chunk.worth[COUNT][i]
                    line[at] = one if self._is_lent(best, at) else 0.0
                    rate[at] = chunk.rate[i] if line[at] > 0 else -1
                first += count

    cdef void _closeness(
        self, const double[:, ::1] coefficient, bint lending, double[::1] close
    ) noexcept nogil:
        cdef Chunk chunk
        cdef const Group* group
        cdef double v, second, low, high, best, other, nothing, loan
        cdef Py_ssize_t g, first, at
        cdef int i, count
        for g in range(self.groups.shape[0]):
            group = <const Group*>&self.groups[g, 0]
            first = group.start
            while first < group.stop:
                count = <int>min(<Py_ssize_t>CHUNK, group.stop - first)
                self._value(coefficient, first, count, &chunk)
                self._rate(group, count, True, &chunk)
                for i in range(count):
                    at = first + i
                    v = self._per_line(&chunk, i, group.curve, chunk.rate[i])
                    second = -INFINITY
                    if not lending:
                        if chunk.before[i] >= 0:
                            second = self._per_line(&chunk, i, group.curve, chunk.before[i])
                        if chunk.after[i] >= 0:
                            second = max(second, self._per_line(&chunk, i, group.curve, chunk.after[i]))
                    low, high, loan = self.low[at], self.high[at], chunk.worth[COUNT][i]
                    best = max(v * low, v * high)
                    other = min(v * low, v * high) if low < high else -INFINITY
                    other = fmax(other, fmax(second * low, second * high))  # −inf × 0 is NaN, which fmax passes over
                    best, other = best + loan, other + loan
                    nothing = -INFINITY if self.anybody_must and self.must[at] != 0 else 0.0
                    close[at] = best - max(other, nothing) if best >= nothing else nothing - best
                first += count
