"""Seconds for features, beside plain pandas and NumPy.

    python benchmarks/features.py           one million five-minute bars, and each indicator
    python benchmarks/features.py --fast    one million bars decided on every five minutes
    python benchmarks/features.py --planted two million half-hour bars in 21 paths
    python benchmarks/features.py --fresh   numba compilation included (uses an empty cache)

Plain versions of the costly indicators are timed on a stretch and reported per bar.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

FIVE_NS = 5 * 60 * 10**9


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def walk(count: int):
    """Return five-minute bars of a random walk on a quarter-point grid, round the clock."""
    from grandmodel.market.bars import Bars
    from grandmodel.market.instruments import Instrument

    draw = np.random.default_rng(0)
    spread = 5e-4 * np.exp(0.5 * np.sin(np.arange(count) / 2000.0))
    close = 4000.0 * np.exp(np.cumsum(draw.standard_normal(count) * spread))
    opens = np.r_[4000.0, close[:-1]]
    high = np.maximum(opens, close) * (1.0 + spread * np.abs(draw.standard_normal(count)))
    low = np.minimum(opens, close) * (1.0 - spread * np.abs(draw.standard_normal(count)))
    prices = [np.round(part * 4.0) / 4.0 for part in (opens, high, low, close)]
    stamps = 1_577_836_800 * 10**9 + np.arange(count) * FIVE_NS
    volume = draw.integers(0, 1000, count).astype(np.float64)
    instrument = Instrument(name="generic", tick=0.25)
    return Bars(stamps, *prices, volume, 5, instrument, adjustment="none")


def plain_regression(bars):
    from grandmodel.features.nwrqk import kernel_weights

    weights = kernel_weights()
    value = (
        pd.Series(bars.close)
        .rolling(27)
        .apply(lambda window: window @ weights[::-1] / weights.sum(), raw=True)
    )
    return value, value.pct_change()


def plain_volatility(bars):
    sd = pd.Series(bars.close).pct_change().rolling(30).std(ddof=0)
    return sd / sd.rolling(1000, min_periods=250).median()


def plain_momentum(bars):
    close = pd.Series(bars.close)
    return close.pct_change(20), close.pct_change(50)


def plain_atr(bars):
    close = pd.Series(bars.close).shift()
    wide = np.maximum(bars.high, close) - np.minimum(bars.low, close)
    return wide.ewm(alpha=1 / 14).mean()


def plain_neighbours(bars):
    """Only the search: 1 000 events, the 100 nearest, at every bar."""
    draw = np.random.default_rng(0)
    events, labels = draw.normal(size=(1000, 2)), draw.choice([-1.0, 1.0], 1000)
    for query in draw.normal(size=(len(bars), 2)):
        distance = ((events - query) ** 2).sum(1)
        labels[np.argpartition(distance, 99)[:100]].mean()


def plain_profile(bars):
    """A histogram with numpy and its two moments at every bar, without nodes."""
    for t in range(48, len(bars)):
        low, high = bars.low[t - 48 : t], bars.high[t - 48 : t]
        edges = np.linspace(low.min(), high.max(), 51)
        inside = np.minimum(high[:, None], edges[1:]) - np.maximum(low[:, None], edges[:-1])
        share = np.maximum(inside, 0.0) / np.maximum(high - low, 1e-9)[:, None]
        profile = bars.volume[t - 48 : t] @ share
        mean = (profile * edges[1:]).sum() / profile.sum()
        (profile * (edges[1:] - mean) ** 3).sum()


def plain_mmd(bars):
    """All kernel values anew at every bar."""
    x = np.random.default_rng(0).normal(size=(600 + len(bars), 3))
    for t in range(len(bars)):
        window = x[t : t + 600]
        square = (window**2).sum(1)
        kernel = np.exp(-(square[:, None] + square - 2.0 * window @ window.T) / 2.0)
        kernel[:500, :500].mean() + kernel[500:, 500:].mean() - 2.0 * kernel[:500, 500:].mean()


PLAIN = {  # function, bars that it is given
    "Mmd": (plain_mmd, 200),
    "Mlmi": (plain_neighbours, 5_000),
    "Profile": (plain_profile, 3_000),
    "Volatility": (plain_volatility, 100_000),
    "Nwrqk": (plain_regression, 50_000),
    "Momentum": (plain_momentum, 100_000),
    "Atr": (plain_atr, 100_000),
}


def each_indicator(bars) -> None:
    from grandmodel.features.config import FeatureConfig
    from grandmodel.features.matrix import indicators

    print(f"{'indicator':12}{'us/bar':>9}{'us/update':>11}{'plain us/bar':>14}{'ratio':>8}")
    for part in indicators(FeatureConfig(), bars.tick, bars.volume_kind):
        name = type(part).__name__
        own = seconds(lambda part=part: part.over(bars.slice(0, 100_000))) / 100_000
        tail = [bars.bar(t) for t in range(100_000, 102_000)]
        update = seconds(lambda part=part, tail=tail: [part.update(bar) for bar in tail])
        line = f"{name:12}{own * 1e6:9.2f}{update / len(tail) * 1e6:11.1f}"
        if name in PLAIN:
            work, size = PLAIN[name]
            plain = seconds(lambda work=work, size=size: work(bars.slice(0, size))) / size
            line += f"{plain * 1e6:14.2f}{plain / own:8.1f}"
        print(line)


def stream_row(bars) -> None:
    from grandmodel.features.config import FeatureConfig
    from grandmodel.features.stream import MatrixStream

    stream = MatrixStream(FeatureConfig(), bars.tick, bars.volume_kind)
    times = []
    for t in range(6000):
        bar = bars.bar(t)
        start = time.perf_counter()
        stream.update(bar)
        times.append(time.perf_counter() - start)
    late = np.array(times[3000:]) * 1e6
    print(f"a row of all columns, streamed: median {np.median(late):.0f} us, "
          f"p99 {np.quantile(late, 0.99):.0f} us")  # fmt: skip


def five_minute_file(count: int) -> None:
    from grandmodel.features.build import build_tape
    from grandmodel.features.config import FeatureConfig
    from grandmodel.market.bars import resample
    from grandmodel.market.dataset import Dataset, MarketPath

    fine = walk(count)
    path = MarketPath(resample(fine, 30), fine)
    dataset = Dataset((path,), {})
    spent = seconds(lambda: build_tape(dataset, FeatureConfig()))
    print(f"{count} five-minute bars, {len(path.bars)} rows with gaps and synergies: "
          f"{spent:.1f} s")  # fmt: skip


def five_minute_matrix(count: int) -> None:
    """Seconds of CPU time, which another program's load does not change: it is one thread."""
    from grandmodel.features.arrays import bar_arrays, path_arrays
    from grandmodel.features.config import FeatureConfig
    from grandmodel.features.tactical import TacticalMatrix
    from grandmodel.features.tactical_path import tactical_features
    from grandmodel.market.calendar import session_table
    from grandmodel.market.dataset import MarketPath

    bars = walk(count)
    table = session_table(bars)
    arrays, path = bar_arrays(bars, table), path_arrays(MarketPath(bars), table)
    work = {
        "the 60x7 matrix": lambda: TacticalMatrix(0.25, "traded").over(arrays),
        "all columns, synergies included": lambda: tactical_features(
            path, FeatureConfig(minutes=5)
        ),
    }
    for what, run in work.items():
        for again in range(2):  # the first round compiles
            wall, start = time.perf_counter(), time.process_time()
            run()
            spent, wall = time.process_time() - start, time.perf_counter() - wall
            if again:
                print(f"{count} five-minute bars, {what}: {spent:.1f} s of CPU, {wall:.1f} s")


def planted(small: bool) -> None:
    from grandmodel.features.build import build_tape
    from grandmodel.features.config import FeatureConfig
    from grandmodel.market.synthetic.config import SyntheticConfig
    from grandmodel.market.synthetic.dataset import make_dataset

    sizes = {"train_bars": 1_000_000, "validation_bars": 50_000, "test_bars": 50_000,
             "validation_paths": 4, "test_paths": 16}  # fmt: skip
    if small:
        sizes = {"train_bars": 200_000, "validation_bars": 20_000, "test_bars": 30_000,
                 "validation_paths": 1, "test_paths": 1}  # fmt: skip
    dataset = make_dataset(SyntheticConfig(**sizes))
    spent = seconds(lambda: build_tape(dataset, FeatureConfig()))
    rows = sum(len(path.bars) for path in dataset.paths)
    print(f"{rows} half-hour bars in {len(dataset.paths)} paths: {spent:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planted", action="store_true")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--fast", action="store_true")
    options = parser.parse_args()
    if options.fresh:
        os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp()
    if options.planted or options.fresh:
        planted(small=options.fresh)
    elif options.fast:
        five_minute_matrix(1_000_000)
    else:
        from grandmodel.features.arrays import bar_arrays
        from grandmodel.market.bars import resample
        from grandmodel.market.calendar import session_table

        bars = resample(walk(700_000), 30)
        arrays = bar_arrays(bars, session_table(bars))
        for _ in range(2):  # the first round compiles
            five_minute_file(1_000_000)
        five_minute_matrix(1_000_000)
        each_indicator(arrays)
        stream_row(arrays)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.2f} GB on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
