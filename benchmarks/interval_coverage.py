"""How often the 95 % intervals hold the true figure, and how long resampling takes.

    python benchmarks/interval_coverage.py            1 000 samples of each kind, 1 and 4 years
    python benchmarks/interval_coverage.py 200        fewer samples

Net session returns whose true figures are known: independent, normal or with fat tails (Student's t
with 5 degrees of freedom); GARCH(1,1) with normal shocks (0.08, 0.90); and the slowest of the
moving-average crosses, means of 40 and 400 half hours, traded by the account in long paths of the
planted market of regimes (`data=synthetic`) that are cut into years. Each stands beside a second
track for the difference of two Sharpe ratios: correlated draws of the same kind, long only in the
same market. Means are drawn at Sharpe ratios of 1 and 0.5 a year; the true figures of the cross are
those of all its years together, apart from the samples by their number. Wanted: 91 to 98 %. Beside
each stands what plain quantiles of the same resamples cover.
"""

import json
import platform
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numba import njit

from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.scripted import Desk
from grandmodel.evaluation.accounts.sessions import SUMS, SessionRows
from grandmodel.evaluation.measures.metrics import session_sharpe
from grandmodel.evaluation.references.rules import ma_difference
from grandmodel.evaluation.statistics.intervals import (
    TAIL,
    automatic_block,
    block_length,
    resampled_metrics,
)
from grandmodel.evaluation.statistics.studentised import resample, studentised
from grandmodel.features.tape import Tape
from grandmodel.market.calendar import session_table
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset

YEAR, BARS = 252, 46
FAST, SLOW = 40, 400
TRUE_SHARPE = (1.0, 0.5)
CORRELATION = 0.6
ALPHA, BETA, BURN_IN = 0.08, 0.90, 500
DEGREES = 5
FIGURES = ("sharpe", "mean", "sharpe difference")
DRAWS = 1_000
PATH_BARS, PATHS = 2_900_000, 6  # of planted market: 62 x 4 years each
SPLITS = 602  # least bars of the other paths of a dataset


def normal(seed, sessions):
    """Return two correlated normal tracks, [2, session]."""
    return _shocks(seed, sessions) * 0.01 + _means()


def fat(seed, sessions):
    """Return two correlated tracks of Student's t, [2, session]."""
    common = np.random.default_rng([seed, 1]).chisquare(DEGREES, sessions) / (DEGREES - 2)
    return _shocks(seed, sessions) / np.sqrt(common) * 0.01 + _means()


def garch(seed, sessions):
    """Return two GARCH tracks with correlated shocks, [2, session]."""
    return _garch(_shocks(seed, sessions + BURN_IN))[:, BURN_IN:] * 0.01 + _means()


def _means():
    return 0.01 * np.array(TRUE_SHARPE)[:, None] / np.sqrt(YEAR)


def _shocks(seed, sessions):
    own, other = np.random.default_rng(seed).standard_normal((2, sessions))
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


KINDS = {"independent, normal": normal, "independent, fat tails": fat, "GARCH": garch}


def bare_tape(bars):
    """Return a tape of one path without features: an account needs prices and sessions alone."""
    table, none = session_table(bars), np.zeros(len(bars))
    names = ("edge_ahead", "break_ahead_hours", "break_hours", "spread_multiplier", "scheduled")
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close")}
    columns |= {name: getattr(table, name) for name in names}
    columns |= {"open_time_ns": bars.open_time_ns, "session": table.session}
    columns |= {"trailing_sd": none, "atr14": none, "path": none.astype(np.int64)}
    return Tape(
        columns=(),
        features=torch.zeros(len(bars), 0),
        minutes=bars.minutes,
        instrument=bars.instrument,
        fingerprint=bars.source,
        **{name: torch.from_numpy(np.array(values)) for name, values in columns.items()},
    )


def planted(seed):
    """Return the cross and long only in one long path, [2, part of 4 years, session].

    And the median holding of the cross in sessions.
    """
    config = SyntheticConfig(
        seed=seed,
        train_bars=PATH_BARS,
        validation_paths=1,
        validation_bars=SPLITS,
        test_paths=1,
        test_bars=SPLITS,
    )
    tape = bare_tape(make_dataset(config).paths[0].bars)
    begins = np.flatnonzero(np.diff(tape.session.numpy())) + 1
    begins = begins[begins > SLOW]
    parts = (len(begins) - 1) // (4 * YEAR)
    edges = begins[:: 4 * YEAR][: parts + 1]
    segments = [
        Segment(int(start) - 1, int(stop), path=part)
        for part, (start, stop) in enumerate(pairwise(edges))
    ]
    desk = Desk(tape, segments, EnvConfig(), max_hold_bars=0)
    side = np.sign(ma_difference(tape, FAST, SLOW)).astype(np.int8)
    net = desk.session_returns(desk.at_rows(np.stack([side, np.ones_like(side)])))
    turns = np.flatnonzero(np.diff(side[SLOW:]))
    return net.reshape(2, parts, 4 * YEAR), float(np.median(np.diff(turns))) / BARS


def truth_of(net):
    """Return Sharpe ratio, mean and Sharpe difference of two long tracks, [2, session]."""
    sharpe = session_sharpe(net, YEAR)
    return np.array([sharpe[0], net[0].mean(), sharpe[0] - sharpe[1]])


def bounds(net, holding, seed):
    """Return studentised and plain intervals of each figure, [2, figure, 2]."""
    block = block_length(max(2.0 * holding, *map(automatic_block, net)), net.shape[1])
    found = []
    for paths, ratio in ((net[:1], True), (net[:1], False), (net, True)):
        given = {"ratio": ratio, "block": block, "draws": DRAWS, "seed": seed}
        told, drawn = studentised([paths], **given), resample([paths], **given).values
        pair = np.array([[told.low, told.high], np.quantile(drawn, [TAIL, 1.0 - TAIL])])
        found.append(pair * np.sqrt(YEAR) if ratio else pair)
    return np.stack(found, axis=1)


def coverage(samples, holding, truth):
    """Return the share of samples whose interval holds the truth, [2, figure]."""
    hits, count = np.zeros((2, len(FIGURES))), 0
    for seed, net in enumerate(samples):
        found = bounds(net, holding, seed)
        hits += (found[..., 0] <= truth) & (truth <= found[..., 1])
        count += 1
    return hits / count, count


def cases(samples):
    """Return name, years, samples, holding and truth of each case, one after the other."""
    known = np.array([TRUE_SHARPE[0], _means()[0, 0], TRUE_SHARPE[0] - TRUE_SHARPE[1]])
    for name, draw in KINDS.items():
        for years in (1, 4):
            yield name, years, (draw(seed, YEAR * years) for seed in range(samples)), 0.0, known
    parts, holdings = zip(*(planted(1_000 + seed) for seed in range(PATHS)), strict=True)
    four = np.concatenate(parts, axis=1)
    single = four.reshape(2, -1, YEAR)
    truth, holding = truth_of(four.reshape(2, -1)), float(np.median(holdings))
    for years, cut in ((1, single), (4, four)):
        taken = np.swapaxes(cut[:, :samples], 0, 1)
        yield "moving-average cross, planted market", years, taken, holding, truth


def seconds_of_resampling(draws=10_000):
    """Return the seconds that resamples of a year take: every metric, and an interval."""
    net = normal(0, YEAR)[:1]
    none = np.zeros(YEAR)
    low, high, order = np.minimum(net[0], 0.0), np.maximum(net[0], 0.0), np.arange(YEAR)
    sums = np.zeros((YEAR, len(SUMS)))
    sums[:, 0] = BARS
    edges = np.array([0, YEAR])
    rows = SessionRows(edges, (0,), order, order, net[0], low, high, none, sums, True)
    tasks = {
        "every metric": lambda count: resampled_metrics(rows, YEAR, block=10, draws=count, seed=0),
        "studentised Sharpe": lambda count: studentised(
            [net], ratio=True, block=10, draws=count, seed=0
        ),
    }
    found = {}
    for name, task in tasks.items():
        task(10)
        began = time.perf_counter()
        task(draws)
        found[name] = round(time.perf_counter() - began, 4)
    return found


def processor():
    """Return the name of the processor."""
    told = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":")[1].strip() for line in told.splitlines() if "model name" in line]
    return f"{names[0] if names else platform.machine()}, 1 thread"


def main(samples):
    torch.set_num_threads(1)
    found = {
        "machine": processor(),
        "resamples": DRAWS,
        "seconds_of_10000_resamples_of_a_year": seconds_of_resampling(),
        "cases": [],
    }
    print(found["seconds_of_10000_resamples_of_a_year"])
    for name, years, drawn, holding, truth in cases(samples):
        began = time.perf_counter()
        (own, plain), count = coverage(drawn, holding, truth)
        spent = time.perf_counter() - began
        cells = " | ".join(
            f"{100 * a:.1f} ({100 * b:.1f})" for a, b in zip(own, plain, strict=True)
        )
        print(f"| {name} | {years} | {count} | {cells} |  true {truth.round(5)}, {spent:.0f} s")
        found["cases"].append(
            {
                "returns": name,
                "years": years,
                "samples": count,
                "studentised": dict(zip(FIGURES, own.round(4).tolist(), strict=True)),
                "plain quantiles": dict(zip(FIGURES, plain.round(4).tolist(), strict=True)),
                "truth": dict(zip(FIGURES, truth.round(6).tolist(), strict=True)),
            }
        )
    target = Path(__file__).parent / "results" / "interval_coverage.json"
    target.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
