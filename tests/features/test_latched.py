"""Synergies on a faster clock."""

import numpy as np
import pytest

from grandmodel.features.latched import LATCHED, latched
from grandmodel.features.synergy import Synergies, no_synergies

MINUTE_NS = 60 * 10**9


def test_the_latest_synergy_is_seen_for_half_an_hour():
    found = Synergies(
        np.array([100, 120]) * MINUTE_NS,
        np.array([2, 4]),
        np.array([1, -1]),
        np.array([0.5, 0.75]),
        np.zeros(2, np.bool_),
        np.zeros((2, 3), np.int64),
    )
    shown = latched(found, np.arange(90, 165, 5) * MINUTE_NS, 5)
    assert tuple(shown) == LATCHED
    assert shown["synergy_type_2"].tolist() == [0, 0, 1, 1, 1, 1] + [0] * 9
    assert shown["synergy_type_4"].tolist() == [0] * 6 + [1] * 6 + [0] * 3
    assert shown["synergy_direction"].tolist() == [0, 0, 1, 1, 1, 1] + [-1] * 6 + [0] * 3
    assert shown["synergy_confidence"][[1, 2, 6, 12]].tolist() == [0.0, 0.5, 0.75, 0.0]
    ages = [0, 0.1, 0.2, 0.3, 0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert shown["synergy_age"][2:12] == pytest.approx(ages)
    assert not shown["synergy_type_1"].any()


def test_nothing_is_seen_before_its_bar_has_closed():
    found = Synergies(
        np.array([100]) * MINUTE_NS, np.array([1]), np.array([1]), np.ones(1),
        np.zeros(1, np.bool_), np.zeros((1, 3), np.int64),
    )  # fmt: skip
    shown = latched(found, np.array([100 * MINUTE_NS - 1, 100 * MINUTE_NS]), 5)
    assert shown["synergy_type_1"].tolist() == [0.0, 1.0]


def test_without_synergies_nothing_is_seen():
    shown = latched(no_synergies(), np.arange(3), 5)
    assert set(shown) == set(LATCHED)
    assert all(not values.any() for values in shown.values())
