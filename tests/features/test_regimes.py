import numpy as np

from grandmodel.features.regimes import (
    CRISIS,
    HIGH,
    QUIET,
    SIDEWAYS,
    TREND_DOWN,
    TREND_UP,
    Regimes,
    readings,
)


def test_readings_by_hand():
    ratio = np.array([3.6, 3.5, 2.6, 0.79, 1.0, 1.0, 1.0, 1.0])
    sd = np.full(8, 0.001)
    momentum = np.array([1.0, 1.0, 1.0, 1.0, 0.0045, -0.0045, 0.0044, np.nan])
    expected = [CRISIS, HIGH, HIGH, QUIET, TREND_UP, TREND_DOWN, SIDEWAYS, SIDEWAYS]
    assert readings(ratio, sd, momentum).tolist() == expected


def test_a_new_label_counts_after_three_equal_readings():
    ratio = np.array([1.0, 4.0, 4.0, 1.0, 4.0, 4.0, 4.0, 0.5, 0.5, 0.5, 0.5])
    raw = {"volatility_30": ratio, "sd_30": np.ones(11), "momentum_20": np.zeros(11)}
    found = Regimes().over(raw)
    assert found.tolist() == [SIDEWAYS] * 6 + [CRISIS] * 3 + [QUIET] * 2
    stream = Regimes()
    rows = [stream.update({name: float(part[t]) for name, part in raw.items()}) for t in range(11)]
    assert rows == found.tolist()
