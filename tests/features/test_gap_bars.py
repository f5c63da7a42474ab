"""On which bars gaps are found, whatever the length of the file's bars."""

import numpy as np
import pytest

from grandmodel.core.clock import MINUTE_NS
from grandmodel.features.arrays import gap_bars
from grandmodel.market.bars import Bars, resample
from grandmodel.market.dataset import MarketPath
from grandmodel.market.instruments import Instrument


def minute_bars(count: int = 600) -> Bars:
    close = 100.0 + np.cumsum(np.random.default_rng(5).normal(size=count))
    opens = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(opens, close) + 0.5, np.minimum(opens, close) - 0.5
    stamps = np.arange(count) * MINUTE_NS
    return Bars(stamps, opens, high, low, close, np.ones(count), 1, Instrument(name="X", tick=0.25))


def path_of(minutes: int) -> MarketPath:
    """What a file of such bars becomes, all of the same market."""
    fine = resample(minute_bars(), minutes)
    return MarketPath(resample(fine, 30), fine if minutes < 30 else None)


@pytest.mark.parametrize(
    ("minutes", "found"), [(1, 5), (2, 6), (3, 6), (5, 5), (6, 6), (10, 10), (15, 15)]
)
def test_gaps_are_found_on_five_minutes_or_a_little_more(minutes: int, found: int) -> None:
    path = path_of(minutes)
    bars = gap_bars(path)
    assert bars is not None
    assert bars.minutes == found
    assert bars.fingerprint == resample(minute_bars(), found).fingerprint
    assert np.isin(path.bars.close_time_ns, bars.close_time_ns).all()


def test_half_hour_files_have_none() -> None:
    assert gap_bars(path_of(30)) is None
    bars = resample(minute_bars(), 30)
    assert gap_bars(MarketPath(bars, bars)) is None
