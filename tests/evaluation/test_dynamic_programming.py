"""The optimum over {-1, 0, 1} against enumeration and by hand."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.evaluation.references.dynamic_programming import best_positions


def worth(positions, gain, cost):
    before = np.concatenate([[0], positions[:-1]])
    return float(np.sum(positions * gain - cost * np.abs(positions - before)))


def by_enumeration(gain, cost, must_be_flat, no_entry):
    best = -np.inf
    for positions in product((-1, 0, 1), repeat=len(gain)):
        held, allowed = 0, True
        for t, target in enumerate(positions):
            allowed &= not (must_be_flat[t] and target != 0)
            allowed &= not (no_entry[t] and target not in (held, 0))
            held = target
        if allowed:
            best = max(best, worth(np.array(positions), gain, cost))
    return best


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_no_sequence_is_better(seed):
    rng = np.random.default_rng(seed)
    steps = int(rng.integers(1, 7))
    gain, cost = rng.normal(0, 1, steps), rng.uniform(0, 1, steps)
    must_be_flat, no_entry = rng.random(steps) < 0.2, rng.random(steps) < 0.2
    positions, total = best_positions(gain, cost, must_be_flat=must_be_flat, no_entry=no_entry)
    assert worth(positions, gain, cost) == pytest.approx(total, abs=1e-12)
    assert total == pytest.approx(by_enumeration(gain, cost, must_be_flat, no_entry), abs=1e-12)


def test_by_hand():
    # the dip costs 1, leaving and coming back costs 2 x 0.6: better to sit through it
    gain = np.array([3.0, -1.0, 3.0, -5.0, 0.1])
    positions, total = best_positions(gain, np.full(5, 0.6), must_be_flat=np.arange(5) == 4)
    assert positions.tolist() == [1, 1, 1, -1, 0]
    assert total == pytest.approx(5.0 - 0.6 - 1.2 + 5.0 - 0.6)


def test_prices_that_pay_less_than_the_cost_are_left_alone():
    positions, total = best_positions(np.array([0.5, -0.5, 0.5]), np.full(3, 1.0))
    assert positions.tolist() == [0, 0, 0]
    assert total == 0.0


def test_ties_keep_the_position():
    positions, _ = best_positions(np.array([2.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0]))
    assert positions.tolist() == [1, 1, 1]
