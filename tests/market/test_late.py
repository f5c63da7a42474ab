"""What is left of a bar one minute after its open."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from market_makers import bars_of, random_frame

from grandmodel.core.clock import MINUTE_NS
from grandmodel.market.bars import resample
from grandmodel.market.dataset import MarketPath
from grandmodel.market.late import late_prices


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), kept=st.floats(0.03, 1.0), minutes=st.sampled_from([1, 5, 30])
)
def test_late_prices_equal_a_plain_loop(seed: int, kept: float, minutes: int) -> None:
    frame = random_frame("2024-03-08 14:00", 180, 1, seed)
    there = np.random.default_rng(seed).random(len(frame)) < kept
    there[[0, -1]] = True
    fine = bars_of(frame[there], 1)
    bars = resample(fine, 30)
    found = late_prices(MarketPath(bars, fine), minutes)
    assert found is not None
    opens = fine.open_time_ns
    for row in range(len(bars)):
        begins = bars.open_time_ns[row] + minutes * MINUTE_NS
        later = (opens >= begins) & (opens < bars.close_time_ns[row])
        if not later.any():
            assert found.open[row] == found.high[row] == found.low[row] == bars.close[row]
            continue
        assert found.open[row] == fine.open[later][0]
        assert found.high[row] == fine.high[later].max()
        assert found.low[row] == fine.low[later].min()
    assert (found.low <= found.open).all()
    assert (found.high <= bars.high).all()
    assert (found.low >= bars.low).all()


def test_only_bars_tell_whose_length_divides_the_delay() -> None:
    five = bars_of(random_frame("2024-03-08 14:00", 60, 5), 5)
    bars = resample(five, 30)
    assert late_prices(MarketPath(bars, five)) is None
    assert late_prices(MarketPath(bars, five), 5) is not None
    assert late_prices(MarketPath(bars, five), 7) is None
    assert late_prices(MarketPath(bars)) is None
