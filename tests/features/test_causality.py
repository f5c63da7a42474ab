import numpy as np
import pytest
from feature_cases import CASES

from grandmodel.features.causality import (
    moved_by_change,
    moved_by_cut,
    moved_by_start,
    perturbed,
)
from grandmodel.features.matrix import PathArrays
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
    path, cut = PathArrays(random_bars(2600, 5)), 2311

    def over(path):
        return case.over(path.bars)

    whole = over(path)
    assert moved_by_cut(over, path, whole, cut) == {}
    assert moved_by_change(over, path, whole, cut) == {}
    changed = over(perturbed(path, cut))
    after = [name for name in whole if not np.array_equal(whole[name][cut:], changed[name][cut:],
                                                          equal_nan=True)]  # fmt: skip
    by_time_alone = ("time_of_day", "session_tokyo")
    assert after or case.name in by_time_alone or case.name.startswith("event_")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("shift", [1, 137])
def test_another_start_is_forgotten_after_the_declared_memory(case, shift, random_bars):
    bars = random_bars(6500 if case.store_events else 3200, 7)
    start = max(case.memory_bars, 1)
    if case.store_events:
        later = bars.slice(shift, len(bars))
        pulses = np.cumsum(Mlmi(Memory(300, 0)).over(later)["mlmi_signal"] != 0)
        start = int(np.searchsorted(pulses, pulses[start] + case.store_events + 1)) + 1
        assert start < len(later) - 100

    def over(path):
        return case.over(path.bars)

    path = PathArrays(bars)
    assert moved_by_start(over, path, over(path), shift, start) == {}
