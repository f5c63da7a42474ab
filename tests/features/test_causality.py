import numpy as np
import pytest
from feature_cases import CASES, perturbed

from grandmodel.features.mlmi import Memory, Mlmi

BARS, CUT = 900, 731


def same_bits(left, right):
    assert left.keys() == right.keys()
    for name, values in left.items():
        assert values.dtype == right[name].dtype, name
        assert np.array_equal(values, right[name], equal_nan=True), name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_streamed_values_equal_the_batch_bit_for_bit(case, random_bars):
    bars = random_bars(BARS, 3)
    same_bits(case.over(bars), case.stream(bars))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_later_bars_change_nothing_before(case, random_bars):
    bars = random_bars(2600, 5)
    cut = 2311
    whole = {name: values[:cut] for name, values in case.over(bars).items()}
    same_bits(whole, case.over(bars.slice(0, cut)))
    changed = case.over(perturbed(bars, cut))
    same_bits(whole, {name: values[:cut] for name, values in changed.items()})
    moved = [name for name, values in case.over(bars).items()
             if not np.array_equal(values[cut:], changed[name][cut:], equal_nan=True)]  # fmt: skip
    assert moved or case.name == "time_of_day"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("shift", [1, 137])
def test_another_start_is_forgotten_after_the_declared_memory(case, shift, random_bars):
    bars = random_bars(6000 if case.store_events else 3200, 7)
    later = bars.slice(shift, len(bars))
    start = max(case.memory_bars, 1)
    if case.store_events:
        pulses = np.cumsum(Mlmi(Memory(300, 0)).over(later)["mlmi_signal"] != 0)
        start = int(np.searchsorted(pulses, pulses[start] + case.store_events + 1)) + 1
        assert start < len(later) - 100
    whole, shifted = case.over(bars), case.over(later)
    for name, values in shifted.items():
        near = np.abs(values[start:] - whole[name][shift + start :])
        unit = np.maximum(1.0, np.abs(values[start:]))
        both = np.isnan(values[start:]) & np.isnan(whole[name][shift + start :])
        assert np.all((near < 1e-6 * unit) | both), name
