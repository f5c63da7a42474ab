"""How often the 95 % intervals hold the true figure, and how long resampling takes.

    python benchmarks/interval_coverage.py            1 000 samples of each kind, 1 and 4 years
    python benchmarks/interval_coverage.py 200        fewer samples

Net session returns of three kinds whose true figures are known: independent and normal; GARCH(1,1)
with normal shocks (0.08, 0.90); and the slowest of the moving-average crosses, means of 40 and 400
half hours, traded at 1 bp in the planted market of regimes. Each stands beside a second track for
the difference of two Sharpe ratios: correlated draws of the same kind, long only in the same
market. Means are drawn at Sharpe ratios of 1 and 0.5 a year; the true figures of the cross are
those of 400 000 sessions. Wanted: 91 to 98 %.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from numba import njit

from grandmodel.evaluation.metrics import session_sharpe
from grandmodel.evaluation.sessions import SUMS, SessionRows
from grandmodel.evaluation.statistics import (
    TAIL,
    automatic_block,
    block_length,
    moment_draws,
    resampled_metrics,
)

YEAR = 252
BARS = 46
FAST, SLOW = 40, 400
COST = 1e-4
TRUE_SHARPE = (1.0, 0.5)
CORRELATION = 0.6
ALPHA, BETA = 0.08, 0.90
FIGURES = ("sharpe", "mean", "sharpe difference")
WANTED = (0.91, 0.98)
DRAWS = 1_000


def iid(seed, sessions):
    """Return two correlated normal tracks, [2, session], and the holding time in sessions."""
    return _shocks(seed, sessions) * 0.01 + _means(), 0.0


def garch(seed, sessions):
    """Return two GARCH tracks with correlated shocks, [2, session], and the holding time."""
    return _garch(_shocks(seed, sessions)) * 0.01 + _means(), 0.0


def slow(seed, sessions):
    """Return the moving-average cross and long only, [2, session], and the median holding."""
    rng = np.random.default_rng(seed)
    bars = sessions * BARS
    drift, sd = _regimes(rng.random((3, bars + SLOW)))
    returns = drift + sd * rng.standard_normal(bars + SLOW)
    net, held = _cross(np.cumsum(np.log1p(returns)), returns)
    summed = np.stack([net, returns[SLOW:]]).reshape(2, sessions, BARS).sum(axis=2)
    return summed, float(np.median(held)) / BARS if len(held) else 0.0


def _means():
    return 0.01 * np.array(TRUE_SHARPE)[:, None] / np.sqrt(YEAR)


def _shocks(seed, sessions):
    rng = np.random.default_rng(seed)
    own, other = rng.standard_normal((2, sessions))
    return np.stack([own, CORRELATION * own + np.sqrt(1 - CORRELATION**2) * other])


@njit(cache=True)
def _garch(shocks):
    """Unit-variance GARCH(1,1) driven by each row of ``shocks``."""
    out = np.empty_like(shocks)
    for track in range(len(shocks)):
        variance = 1.0
        for t in range(shocks.shape[1]):
            out[track, t] = np.sqrt(variance) * shocks[track, t]
            variance = 1.0 - ALPHA - BETA + ALPHA * out[track, t] ** 2 + BETA * variance
    return out


@njit(cache=True)
def _regimes(draws):
    """Drift and sd of each bar: stays of 200 bars, then one of the other three regimes."""
    drifts = np.array([1.5e-4, -1.5e-4, 0.0, 0.0])
    sds = np.array([11e-4, 11e-4, 8.8e-4, 22e-4])
    bars = draws.shape[1]
    drift, sd = np.empty(bars), np.empty(bars)
    regime = int(draws[2, 0] * 4)
    for t in range(bars):
        if draws[0, t] < 1.0 / 200.0:
            regime = (regime + 1 + int(draws[1, t] * 3)) % 4
        drift[t], sd[t] = drifts[regime], sds[regime]
    return drift, sd


@njit(cache=True)
def _cross(price, returns):
    """Net return of each bar after the first SLOW, and the bars each position was held."""
    total = np.zeros(len(price) + 1)
    total[1:] = np.cumsum(np.exp(price))
    net = np.empty(len(price) - SLOW)
    held = np.empty(len(net), np.int64)
    trips, since, before = 0, 0, 0
    for t in range(SLOW, len(price)):
        fast = (total[t] - total[t - FAST]) / FAST
        position = 1 if fast > (total[t] - total[t - SLOW]) / SLOW else -1
        if position != before:
            if before != 0:
                held[trips] = t - since
                trips += 1
            since = t
        net[t - SLOW] = position * returns[t] - COST * abs(position - before)
        before = position
    return net, held[:trips]


KINDS = {"independent, normal": iid, "GARCH": garch, "slow moving-average cross": slow}


def truth_of(name):
    """Return the true Sharpe ratio, mean and Sharpe difference of a kind."""
    if KINDS[name] is slow:
        net = np.concatenate([slow(10_000_019 + k, 100_000)[0] for k in range(4)], axis=1)
        sharpe, mean = session_sharpe(net, YEAR), net.mean(axis=1)
    else:
        sharpe, mean = np.array(TRUE_SHARPE), _means()[:, 0]
    return np.array([sharpe[0], mean[0], sharpe[0] - sharpe[1]])


def rows_of(net):
    """Sessions of one path that hold nothing but their returns."""
    n = len(net)
    sums = np.zeros((n, len(SUMS)))
    sums[:, 0] = BARS
    order, none = np.arange(n), np.zeros(n)
    low, high = np.minimum(net, 0.0), np.maximum(net, 0.0)
    return SessionRows(np.array([0, n]), (0,), order, order, net, low, high, none, sums, True)


def bounds(net, holding, seed, draws=DRAWS):
    """Return the interval of each figure, [figure, 2]."""
    wanted = max(2.0 * holding, *(automatic_block(track) for track in net))
    block = block_length(wanted, net.shape[1])
    mean, sd = moment_draws(net, block=block, draws=draws, seed=seed)
    sharpe = mean / sd * np.sqrt(YEAR)
    drawn = [sharpe[0], mean[0], sharpe[0] - sharpe[1]]
    return np.quantile(drawn, [TAIL, 1.0 - TAIL], axis=1).T


def coverage(name, years, samples, truth, draws=DRAWS):
    """Return the share of samples whose interval holds the truth, [figure]."""
    hits = np.zeros(len(FIGURES))
    for seed in range(samples):
        net, holding = KINDS[name](seed, YEAR * years)
        found = bounds(net, holding, seed, draws)
        hits += (found[:, 0] <= truth) & (truth <= found[:, 1])
    return hits / samples


def seconds_of_resampling(draws=10_000):
    """Return the seconds that resampling a year of sessions takes, kernels compiled."""
    rows = rows_of(iid(0, YEAR)[0][0])
    resampled_metrics(rows, YEAR, block=10, draws=10, seed=0)
    began = time.perf_counter()
    resampled_metrics(rows, YEAR, block=10, draws=draws, seed=0)
    return time.perf_counter() - began


def main(samples):
    found = {"samples": samples, "seconds_of_10000_resamples": round(seconds_of_resampling(), 3)}
    print(f"10 000 resamples of a year, every metric: {found['seconds_of_10000_resamples']} s")
    for name in KINDS:
        truth = truth_of(name)
        for years in (1, 4):
            began = time.perf_counter()
            shares = coverage(name, years, samples, truth)
            found[f"{name}, {years} y"] = dict(zip(FIGURES, shares.round(3).tolist(), strict=True))
            cells = " | ".join(f"{100 * share:.1f} %" for share in shares)
            spent = time.perf_counter() - began
            print(f"| {name} | {years} | {cells} |   true {truth.round(5)}, {spent:.0f} s")
    target = Path(__file__).parent / "results" / "interval_coverage.json"
    target.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
