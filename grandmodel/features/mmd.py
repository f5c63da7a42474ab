"""Regime change as the maximum mean discrepancy between the last bars and those before."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.features.inputs import Bar, BarArrays

REFERENCE_BARS = 500
TEST_BARS = 100
WINDOW_BARS = REFERENCE_BARS + TEST_BARS
VOLATILITY_ALPHA = 0.06
BANDWIDTH_STRIDE = 5

# Coordinates are stored divided by 16 sigma, so that a squared distance between two of them is
# the kernel's exponent over 128: the exponential is a short polynomial squared seven times,
# free of branches, which vectorises; its error against exp stays below 1e-13.
_COORDINATE_DIVISOR = 16.0
_LARGEST_REDUCED = 0.5  # exp(-64): nothing beside 1

# positions in the scalar states
_PREVIOUS_CLOSE, _VARIANCE, _SUM_REFERENCE, _SUM_TEST, _SUM_CROSS = range(5)
_MEAN, _SCALE = 5, 8
_COUNT, _DAY = 0, 1


@njit(cache=True, nogil=True)
def _add_kernel_row(x0, x1, x2, q0, q1, q2, total):
    """Add exp(-|x_i - q|^2 / 2 sigma^2) to ``total[i]`` for every i of ``total``."""
    for i in range(total.size):
        d0 = x0[i] - q0
        d1 = x1[i] - q1
        d2 = x2[i] - q2
        y = min(d0 * d0 + d1 * d1 + d2 * d2, _LARGEST_REDUCED)
        e = y * (1.0 / 720.0) - 1.0 / 120.0
        e = e * y + 1.0 / 24.0
        e = e * y - 1.0 / 6.0
        e = e * y + 0.5
        e = e * y - 1.0
        e = e * y + 1.0
        e *= e
        e *= e
        e *= e
        e *= e
        e *= e
        e *= e
        e *= e
        total[i] += e


@njit(cache=True, nogil=True)
def _sum(values):
    """Sum in four interleaved lanes: one order for every caller, four times the speed."""
    a = b = c = d = 0.0
    whole = values.size - values.size % 4
    for i in range(0, whole, 4):
        a += values[i]
        b += values[i + 1]
        c += values[i + 2]
        d += values[i + 3]
    for i in range(whole, values.size):
        a += values[i]
    return (a + b) + (c + d)


@njit(cache=True, nogil=True)
def _fix_scale(raw, start, numbers, distances):
    """Take means, deviations and bandwidth from the reference part of the window."""
    for axis in range(3):
        part = raw[axis, start : start + REFERENCE_BARS]
        mean = _sum(part) / REFERENCE_BARS
        square = 0.0
        for i in range(REFERENCE_BARS):
            square += (part[i] - mean) * (part[i] - mean)
        deviation = math.sqrt(square / REFERENCE_BARS)
        numbers[_MEAN + axis] = mean
        numbers[_SCALE + axis] = 1.0 / deviation if deviation > 0.0 else 1.0
    pair = 0
    for i in range(0, REFERENCE_BARS, BANDWIDTH_STRIDE):
        for j in range(0, i, BANDWIDTH_STRIDE):
            square = 0.0
            for axis in range(3):
                step = raw[axis, start + i] - raw[axis, start + j]
                square += (step * numbers[_SCALE + axis]) ** 2
            distances[pair] = math.sqrt(square)
            pair += 1
    bandwidth = np.median(distances)
    if bandwidth > 0.0:
        for axis in range(3):
            numbers[_SCALE + axis] /= bandwidth * _COORDINATE_DIVISOR


@njit(cache=True, nogil=True)
def _rebuild(raw, scaled, start, numbers, work, distances):
    """Fix the scale anew and sum the kernel over all pairs of the window."""
    _fix_scale(raw, start, numbers, distances)
    for axis in range(3):
        for i in range(2 * WINDOW_BARS):
            scaled[axis, i] = (raw[axis, i] - numbers[_MEAN + axis]) * numbers[_SCALE + axis]
    x0 = scaled[0, start : start + WINDOW_BARS]
    x1 = scaled[1, start : start + WINDOW_BARS]
    x2 = scaled[2, start : start + WINDOW_BARS]
    work[:] = 0.0
    for j in range(1, REFERENCE_BARS):
        _add_kernel_row(x0, x1, x2, x0[j], x1[j], x2[j], work[:j])
    numbers[_SUM_REFERENCE] = _sum(work[:REFERENCE_BARS])
    work[:] = 0.0
    for j in range(REFERENCE_BARS, WINDOW_BARS):
        _add_kernel_row(x0, x1, x2, x0[j], x1[j], x2[j], work[:j])
    numbers[_SUM_CROSS] = _sum(work[:REFERENCE_BARS])
    numbers[_SUM_TEST] = _sum(work[REFERENCE_BARS:])


@njit(cache=True, nogil=True)
def _advance(scaled, start, new, numbers, work):
    """Move the sums on by one bar: the oldest leaves, one crosses over, ``new`` enters.

    ``start`` is the window BEFORE the bar: 0 the leaving bar, 1..499 stay in the reference,
    500 crosses from test to reference, 501..599 stay in the test.
    """
    x0 = scaled[0, start : start + WINDOW_BARS]
    x1 = scaled[1, start : start + WINDOW_BARS]
    x2 = scaled[2, start : start + WINDOW_BARS]
    crossing = REFERENCE_BARS
    work[:] = 0.0
    _add_kernel_row(x0, x1, x2, x0[0], x1[0], x2[0], work)
    numbers[_SUM_REFERENCE] -= _sum(work[1:crossing])
    numbers[_SUM_CROSS] -= _sum(work[crossing:])
    work[:] = 0.0
    _add_kernel_row(x0, x1, x2, x0[crossing], x1[crossing], x2[crossing], work)
    with_reference = _sum(work[1:crossing])
    with_test = _sum(work[crossing + 1 :])
    numbers[_SUM_REFERENCE] += with_reference
    numbers[_SUM_TEST] -= with_test
    numbers[_SUM_CROSS] += with_test - with_reference
    work[:] = 0.0
    _add_kernel_row(x0, x1, x2, new[0], new[1], new[2], work)
    numbers[_SUM_CROSS] += _sum(work[1 : crossing + 1])
    numbers[_SUM_TEST] += _sum(work[crossing + 1 :])


@njit(cache=True, nogil=True)
def _inputs(high, low, close, numbers, count, new):
    """Write the three raw inputs of a bar into ``new`` and move the volatility on."""
    new[:] = 0.0
    new[2] = (high - low) / close
    if count > 0:
        change = close / numbers[_PREVIOUS_CLOSE] - 1.0
        new[1] = abs(change)
        if count == 1:
            numbers[_VARIANCE] = change * change
        else:
            if numbers[_VARIANCE] > 0.0:
                new[0] = change / math.sqrt(numbers[_VARIANCE])
            numbers[_VARIANCE] += VOLATILITY_ALPHA * (change * change - numbers[_VARIANCE])
    numbers[_PREVIOUS_CLOSE] = close


@njit(cache=True, nogil=True)
def _step(high, low, close, day, raw, scaled, numbers, integers, new, work, distances):
    """Take one bar; return the unbiased MMD^2, nan while fewer than 600 bars came before."""
    count = integers[_COUNT]
    _inputs(high, low, close, numbers, count, new)
    slot = count % WINDOW_BARS
    new_day = day != integers[_DAY]
    rebuild = count == WINDOW_BARS or (count > WINDOW_BARS and new_day)
    for axis in range(3):
        raw[axis, slot] = new[axis]
        raw[axis, slot + WINDOW_BARS] = new[axis]
        new[axis] = (new[axis] - numbers[_MEAN + axis]) * numbers[_SCALE + axis]
    if count > WINDOW_BARS and not rebuild:
        _advance(scaled, slot, new, numbers, work)
    for axis in range(3):
        scaled[axis, slot] = new[axis]
        scaled[axis, slot + WINDOW_BARS] = new[axis]
    if rebuild:
        _rebuild(raw, scaled, slot + 1, numbers, work, distances)
    integers[_COUNT] = count + 1
    integers[_DAY] = day
    if count < WINDOW_BARS:
        return np.nan
    within_reference = numbers[_SUM_REFERENCE] * 2.0 / (REFERENCE_BARS * (REFERENCE_BARS - 1))
    within_test = numbers[_SUM_TEST] * 2.0 / (TEST_BARS * (TEST_BARS - 1))
    across = numbers[_SUM_CROSS] * 2.0 / (REFERENCE_BARS * TEST_BARS)
    return within_reference + within_test - across


@njit(cache=True, nogil=True)
def _run(high, low, close, day, raw, scaled, numbers, integers, new, work, distances):
    """Apply `_step` to every bar; return MMD^2 [bar]."""
    result = np.empty(close.size)
    for t in range(close.size):
        result[t] = _step(
            high[t], low[t], close[t], day[t],
            raw, scaled, numbers, integers, new, work, distances,
        )  # fmt: skip
    return result


class Mmd:
    """Unbiased MMD between the last 100 bars and the 500 before them.

    Three inputs a bar (return over volatility, absolute return, relative range), a Gaussian
    kernel, scale and bandwidth fixed once an exchange day: `docs/definitions.md`, section
    Regime change (MMD). The score is a distance, at least 0, and 0 for the first 600 bars.
    """

    columns = ("mmd_score",)
    memory_bars = 900

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        pairs = REFERENCE_BARS // BANDWIDTH_STRIDE
        self._state = (
            np.zeros((3, 2 * WINDOW_BARS)),
            np.zeros((3, 2 * WINDOW_BARS)),
            np.zeros(11),
            np.array([0, np.iinfo(np.int64).min], np.int64),
            np.zeros(3),
            np.zeros(WINDOW_BARS),
            np.zeros(pairs * (pairs - 1) // 2),
        )

    def squared(self, bars: BarArrays) -> NDArray[np.float64]:
        """Return the unbiased MMD^2 [bar], which may be below 0; nan for the first 600 bars."""
        self._reset()
        return _run(bars.high, bars.low, bars.close, bars.day, *self._state)

    def over(self, bars: BarArrays) -> dict[str, NDArray[np.float64]]:
        """Return ``mmd_score`` [bar], from nothing; `update` may go on from the last bar."""
        return {"mmd_score": np.sqrt(np.fmax(self.squared(bars), 0.0))}

    def update(self, bar: Bar) -> dict[str, float]:
        """Take the next bar; return its columns."""
        squared = _step(bar.high, bar.low, bar.close, bar.day, *self._state)
        return {"mmd_score": math.sqrt(squared) if squared > 0.0 else 0.0}
