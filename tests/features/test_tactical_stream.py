"""Five-minute columns bar by bar: the bits of the batch form, with bars missing too."""

import numpy as np
import pytest

from grandmodel.core.checks import UserError
from grandmodel.features.arrays import bar_arrays
from grandmodel.features.config import FeatureConfig
from grandmodel.features.path import PathArrays
from grandmodel.features.tactical_path import tactical_features
from grandmodel.features.tactical_stream import TacticalStream
from grandmodel.market.bars import Bars, resample
from grandmodel.market.calendar import session_table
from grandmodel.market.instruments import Instrument

MINUTE_NS = 60 * 10**9
BARS = 40_000


def walk(kept, seed=0):
    """Five-minute bars with swings that make crosses, turns and gaps; some are missing."""
    draw = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(draw.standard_t(3, BARS) * 8e-4))
    opened = np.r_[100.0, close[:-1]]
    high = np.maximum(opened, close) * (1.0 + 1e-4 * np.abs(draw.standard_normal(BARS)))
    low = np.minimum(opened, close) * (1.0 - 1e-4 * np.abs(draw.standard_normal(BARS)))
    columns = {"open": opened, "high": high, "low": low, "close": close}
    columns["volume"] = draw.integers(1, 900, BARS).astype(np.float64)
    here = draw.random(BARS) < kept
    return Bars(
        open_time_ns=(np.arange(BARS) * 5 * MINUTE_NS)[here],
        **{name: values[here] for name, values in columns.items()},
        minutes=5,
        instrument=Instrument(name="walk", tick=0.01, calendar="24/7", timezone="America/Chicago"),
    )


@pytest.mark.parametrize(
    ("kept", "config"),
    [
        (1.0, FeatureConfig(minutes=5)),
        (0.7, FeatureConfig(minutes=5, scaling="text", extra=["rsi_14", "volume_ratio"])),
    ],
)
def test_one_bar_at_a_time_gives_the_bits_of_the_whole_path(kept, config):
    bars = walk(kept)
    five, slow = (bar_arrays(each, session_table(each)) for each in (bars, resample(bars, 30)))
    stream = TacticalStream(config, 0.01, "traded")
    made = stream._extras
    whole = tactical_features(
        PathArrays(five, slow=slow), config, [type(extra)() for extra in made]
    )
    rows = [stream.update(five.bar(t)) for t in range(len(five))]
    assert stream.columns == tuple(whole.scaled)
    for name, values in whole.scaled.items():
        assert np.array_equal(values, np.array([row.scaled[name] for row in rows])), name
    assert np.array_equal(whole.raw["atr_14"], np.array([row.raw["atr_14"] for row in rows]))
    found = [row.synergy for row in rows if row.synergy is not None]
    assert len(found) > 5
    assert [one.time_ns for one in found] == whole.synergies.time_ns.tolist()
    assert [one.type for one in found] == whole.synergies.type.tolist()


def test_bars_of_another_length_or_out_of_order_are_refused():
    five = bar_arrays(walk(1.0), session_table(walk(1.0)))
    stream = TacticalStream(FeatureConfig(minutes=5), 0.01, "traded")
    stream.update(five.bar(1))
    with pytest.raises(UserError, match="must come in order"):
        stream.update(five.bar(0))
    with pytest.raises(UserError, match="need bars of 5 minutes"):
        stream.update(five.bar(2)._replace(minutes=30))
    with pytest.raises(UserError, match="need bars of 5 minutes"):
        stream.update(five.bar(2)._replace(open_time_ns=five.bar(2).open_time_ns + MINUTE_NS))
