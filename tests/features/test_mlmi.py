import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.core.checks import UserError
from grandmodel.features.mlmi import FEW, Memory, Mlmi, _kth_smallest, _net


def _wma(values):
    weights = np.arange(1, len(values) + 1)
    return (np.asarray(values) * weights).sum() / weights.sum()


def _rsi(close, n):
    out = np.full(len(close), np.nan)
    change = np.diff(close)
    gain, loss = np.maximum(change, 0), np.maximum(-change, 0)
    up, down = gain[:n].mean(), loss[:n].mean()
    for t in range(n, len(close)):
        if t > n:
            up, down = (up * (n - 1) + gain[t - 1]) / n, (down * (n - 1) + loss[t - 1]) / n
        out[t] = 50.0 if up + down == 0 else 100 * up / (up + down)
    return out


def naive(close, events, fixed_k=0, mode="literal", scored=0):
    """MLMI from its definition: lists, full sorts, values from bar ``scored`` on."""
    short, long = _rsi(close, 5), _rsi(close, 20)
    store, value, signal = [], np.full(len(close), 50.0), np.zeros(len(close))
    side, previous = 0, None
    for t in range(19, len(close)):
        p = (np.nan, np.nan)
        if t >= 39:
            p = _wma(long[t - 19 : t + 1]), _wma(short[t - 19 : t + 1])
        kept = store[-events:]
        if len(store) >= 200 and t >= scored:
            k = fixed_k or min(max(len(kept) // 10, 20), 100)
            order = sorted(
                range(len(kept)),
                key=lambda i: ((kept[i][0] - p[0]) ** 2 + (kept[i][1] - p[1]) ** 2, -i),
            )
            value[t] = 50 * (1 + np.mean([kept[i][2] for i in order[:k]]))
        difference = _wma(close[t - 4 : t + 1]) - _wma(close[t - 19 : t + 1])
        if abs(difference) <= 1e-12 * close[t]:
            continue
        new = 1 if difference > 0 else -1
        if side == -new:
            signal[t] = new
            label = 0 if previous is None else (1 if close[t] >= previous[0] else -1)
            features = p if mode == "literal" else (previous[1] if previous else (np.nan, np.nan))
            if not np.isnan(features[0]):
                store.append((*features, label))
            previous = (close[t], p)
        side = new
    return value, signal


@pytest.mark.parametrize("mode", ["literal", "predictive"])
@pytest.mark.parametrize(("events", "k"), [(250, 0), (1000, 0), (10_000, 200)])
def test_value_and_pulse_equal_the_definition(random_bars, events, k, mode):
    bars = random_bars(4000, 11)
    value, signal = naive(bars.close, events, k, mode)
    found = Mlmi(Memory(events, k), mode).over(bars)
    np.testing.assert_array_equal(found["mlmi_signal"], signal)
    np.testing.assert_allclose(found["mlmi_value"], value, atol=1e-9)
    assert (value != 50.0).sum() > 1000


def test_a_full_store_forgets_the_oldest_and_asks_a_hundred(make_bars):
    noise = 100.0 + np.random.default_rng(5).standard_normal(5500)
    found = Mlmi().over(make_bars(noise, noise, noise, noise))
    value, signal = naive(noise, 1000, scored=5470)
    assert np.count_nonzero(signal) > 1200
    np.testing.assert_array_equal(found["mlmi_signal"], signal)
    np.testing.assert_allclose(found["mlmi_value"][5470:], value[5470:], atol=1e-9)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(0, 59))
def test_of_equal_distances_the_newest_are_asked(seed, k, newest):
    draw = np.random.default_rng(seed)
    store = np.zeros((4, 60))
    store[:2] = draw.integers(0, 3, (2, 60))
    store[2] = draw.integers(-1, 2, 60)
    age = (newest - np.arange(60)) % 60
    distance = (store[0] - 1.0) ** 2 + (store[1] - 1.0) ** 2
    nearest = np.lexsort((age, distance))[:k]
    net, limit = _net(1.0, 1.0, store, 60, newest, k, 1.0, np.zeros(FEW))
    assert net == store[2, nearest].sum() / k
    assert limit == distance[nearest[-1]]


def test_an_equal_average_keeps_the_side_and_the_first_side_is_no_cross(make_bars):
    flat = np.full(40, 100.0)
    rise = np.r_[flat, np.linspace(100, 110, 30)]
    assert not Mlmi().over(make_bars(rise, rise, rise, rise))["mlmi_signal"].any()
    fall = np.r_[rise, np.full(40, 110.0), np.linspace(110, 100, 30)]
    signal = Mlmi().over(make_bars(fall, fall, fall, fall))["mlmi_signal"]
    assert np.flatnonzero(signal).size == 1
    assert signal.sum() == -1


def test_events_before_bar_39_are_pulses_that_are_not_stored(make_bars):
    zigzag = 100.0 + np.abs((np.arange(38) % 20) - 10.0)
    indicator = Mlmi()
    signal = indicator.over(make_bars(zigzag, zigzag, zigzag, zigzag))["mlmi_signal"]
    assert signal.any()
    assert indicator.stored == 0


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.integers(0, 12) | st.floats(0, 1e4), min_size=1, max_size=400),
    st.floats(0, 1),
    st.floats(0, 2e4),
)
def test_kth_smallest_is_that_of_a_sort_wherever_it_starts(values, place, guess):
    k = 1 + int(place * (len(values) - 1))
    values = np.array(values, np.float64)
    assert _kth_smallest(values, k, guess, np.zeros(FEW)) == np.sort(values)[k - 1]


def test_unknown_label_mode_is_refused_by_its_key():
    with pytest.raises(UserError, match=r"features\.mlmi\.label_mode must be one of"):
        Mlmi(label_mode="future")
