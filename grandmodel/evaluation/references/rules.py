"""From a signal to a position: hysteresis, its tuning on one grid, and simple rules."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from grandmodel.features.tape import Tape

ENTER_QUANTILES = (
    0.0,
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.85,
    0.9,
    0.95,
    0.98,
    1.0,
)  # 1: never
EXIT_FRACTIONS = (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0)
RULE_COLUMNS = (  # signals with a side, of the half-hourly tape and of the five-minute one
    (
        "mlmi_value",
        "nwrqk_value",
        "nwrqk_slope",
        "momentum_20",
        "momentum_50",
        "volume_profile_skew",
    ),
    ("fvg_nearest_level", "price_momentum_5", "synergy_direction"),
)


@dataclass(frozen=True)
class Hysteresis:
    """Two thresholds on a signal: enter beyond one, leave behind the other.

    Source: `docs/definitions.md`, References on planted markets.
    """

    enter: float  # in the signal's own unit, >= 0
    exit: float  # in the signal's own unit, in [-enter, enter]
    sign: int = 1  # -1 trades against the signal


@njit(cache=True)
def _hysteresis(signal, enter, leave, sign, out):  # pragma: no cover - compiled
    position = 0
    for t in range(len(signal)):
        value = sign * signal[t]
        if (position > 0 and value < leave) or (position < 0 and -value < leave):
            position = 0
        if position <= 0 and value > enter:
            position = 1
        elif position >= 0 and -value > enter:
            position = -1
        out[t] = position


@njit(cache=True, parallel=True)
def _hysteresis_grid(signal, enter, leave, sign, out):  # pragma: no cover - compiled
    for k in prange(len(enter)):
        _hysteresis(signal, enter[k], leave[k], sign[k], out[k])


def hysteresis_positions(signal: NDArray[np.float64], rules: list[Hysteresis]) -> NDArray[np.int8]:
    """Return the position that each rule wants at each bar's close, int8 [rule, bar].

    Flat at the start. A long position is left where sign x signal falls below ``exit`` and a new
    one is taken where it exceeds ``enter``; mirrored for shorts; both may happen on one bar.
    """
    out = np.empty((len(rules), len(signal)), np.int8)
    _hysteresis_grid(
        np.ascontiguousarray(signal, np.float64),
        np.array([rule.enter for rule in rules], np.float64),
        np.array([rule.exit for rule in rules], np.float64),
        np.array([rule.sign for rule in rules], np.int64),
        out,
    )
    return out


def hysteresis_grid(signal: NDArray[np.float64], *, both_signs: bool) -> list[Hysteresis]:
    """Return the printed grid for one signal.

    Args:
        signal: values on the training bars, on which the quantiles of |signal| are taken, [bar].
        both_signs: also try trading against the signal.

    Returns:
        ENTER_QUANTILES x EXIT_FRACTIONS (x signs): enter = quantile of |signal| on the training
        bars, exit = fraction x enter. Without repetitions.
    """
    enters = np.quantile(np.abs(signal), ENTER_QUANTILES)
    signs = (1, -1) if both_signs else (1,)
    rules = {
        Hysteresis(float(enter), float(fraction * enter), sign): None
        for sign in signs
        for enter in enters
        for fraction in EXIT_FRACTIONS
    }
    return list(rules)


def describe_grid() -> str:
    """Return the grid in one line, for terminal, report and ``metrics.json``."""
    enters = ", ".join(f"{value:g}" for value in ENTER_QUANTILES)
    exits = ", ".join(f"{value:g}" for value in EXIT_FRACTIONS)
    return (
        f"hysteresis tuned on the training bars, enter = quantile of |signal| in [{enters}], "
        f"exit = enter x [{exits}], best_rule with both signs"
    )


@dataclass(frozen=True)
class Tuned:
    """The best of a grid and how it did where it was chosen."""

    rule: Hysteresis
    sharpe: float
    tried: int


def tune(
    rules: list[Hysteresis],
    sharpe_of: Callable[[list[Hysteresis]], NDArray[np.float64]],
    block: int = 16,
) -> Tuned:
    """Return the rule with the highest net Sharpe; of equals the first.

    Args:
        rules: the grid.
        sharpe_of: annualised net Sharpe of some rules, [rule].
        block: rules at a time, so that their positions over a million bars fit in memory.
    """
    starts = range(0, len(rules), block)
    sharpes = np.concatenate([sharpe_of(rules[start : start + block]) for start in starts])
    best = int(np.argmax(sharpes))
    return Tuned(rules[best], float(sharpes[best]), len(rules))


@njit(cache=True)
def moving_average(values, bars):  # pragma: no cover - compiled
    """Return the mean of the last ``bars`` values (of all so far at the start), float64 [bar]."""
    out = np.empty(len(values))
    total = 0.0
    for t in range(len(values)):
        total += values[t]
        if t >= bars:
            total -= values[t - bars]
        if t % 4096 == 4095:  # rebuilt, so that rounding does not pile up over a million bars
            total = 0.0
            for i in range(max(0, t - bars + 1), t + 1):
                total += values[i]
        out[t] = total / min(t + 1, bars)
    return out


def simple_rules(tape: Tape) -> dict[str, NDArray[np.float64]]:
    """Return the signals of the simple rules, float64 [bar] each.

    Columns of the tape's clock as they are, and two differences of moving averages of the close,
    as a fraction of the close. A path's averages begin with the path.
    """
    names = next(group for group in RULE_COLUMNS if group[0] in tape.columns)
    signals = {name: tape.column(name).numpy().astype(np.float64) for name in names}
    for fast, slow in ((10, 50), (50, 200)):
        signals[f"ma_{fast}_{slow}"] = ma_difference(tape, fast, slow)
    return signals


def ma_difference(tape: Tape, fast_bars: int, slow_bars: int) -> NDArray[np.float64]:
    """Return (mean of fast_bars closes - mean of slow_bars closes) / close, path by path, [bar]."""
    close = tape.close.cpu().numpy()
    edges = np.flatnonzero(np.diff(tape.path.cpu().numpy())) + 1
    parts = [
        (moving_average(part, fast_bars) - moving_average(part, slow_bars)) / part
        for part in np.split(close, edges)
    ]
    return np.concatenate(parts)
