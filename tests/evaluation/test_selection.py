from itertools import combinations

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from grandmodel.evaluation.statistics.selection import overfitting_probability, superior_ability_p


def by_hand(net, blocks):
    parts = np.array_split(np.arange(len(net)), blocks)
    below = []
    for half in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[k] for k in half])
        outside = np.setdiff1d(np.arange(len(net)), inside)
        there, here = (net[rows].mean(axis=0) / net[rows].std(axis=0) for rows in (inside, outside))
        share = rankdata(here)[there.argmax()] / (net.shape[1] + 1)
        below.append(np.log(share / (1 - share)) <= 0)
    return np.mean(below)


def test_the_vectorised_form_equals_the_definition():
    """Bailey, Borwein, Lopez de Prado and Zhu 2015, section 3, step by step."""
    net = np.random.default_rng(3).normal(0.0, 0.01, (160, 7))
    assert overfitting_probability(net, 8) == by_hand(net, 8)


def test_a_real_edge_is_not_overfitting():
    net = np.random.default_rng(0).normal(0.0, 0.01, (500, 10))
    net[:, 4] += 0.01
    assert overfitting_probability(net) == 0.0


def test_where_gains_of_one_half_are_losses_of_the_other_all_is_overfitting():
    """Strategies that sum to zero: the best of one half must be the worst of the other."""
    base = np.tile([0.01, -0.01], 80)
    blocks = np.repeat(np.random.default_rng(1).normal(0, 0.001, (16, 6)), 10, axis=0)
    net = base[:, None] + blocks - blocks.mean(axis=0)
    assert overfitting_probability(net) > 0.99


def test_noise_is_a_coin():
    rng = np.random.default_rng(0)
    found = [overfitting_probability(rng.normal(0, 1, (64, 10)), 8) for _ in range(200)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)


def test_what_cannot_be_halved_has_no_probability():
    assert np.isnan(overfitting_probability(np.ones((100, 1))))
    assert np.isnan(overfitting_probability(np.ones((7, 3))))


def test_one_configuration_is_judged_like_a_mean():
    """With one model the test of Hansen 2005 is a one-sided test of a mean."""
    net = np.random.default_rng(2).normal(0.0004, 0.01, (500, 1))
    t = net.mean() / net.std() * np.sqrt(500)
    found = superior_ability_p(net, np.zeros(500), block=1, draws=1_000, seed=0)
    assert found == pytest.approx(norm.sf(t), abs=0.04)


def test_luck_among_many_is_no_superior_ability():
    net = np.random.default_rng(5).normal(0.0, 0.01, (500, 20))
    best = (net.mean(axis=0) / net.std(axis=0)).max() * np.sqrt(500)
    assert norm.sf(best) < 0.1
    assert superior_ability_p(net, np.zeros(500), block=10, draws=300, seed=0) > 0.2
    net[:, 3] += 0.003
    assert superior_ability_p(net, np.zeros(500), block=10, draws=300, seed=0) < 0.02
