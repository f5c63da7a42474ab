from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import fake_tape, fake_team, halves

from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.judging.delay import Delay
from grandmodel.evaluation.judging.execution import JudgeRule
from grandmodel.evaluation.judging.judge import Judge

PLAIN = JudgeRule("argmax")


@pytest.fixture(scope="module")
def team():
    return fake_team()


@pytest.fixture(scope="module")
def tape():
    return fake_tape(700, paths=2)


def ints(*values):
    return torch.tensor(values)


def test_orders_are_sent_later_and_decisions_to_stay_send_nothing():
    delay = Delay(ints(0, 1, 2))
    flat = ints(0, 0, 0)
    sent, size = delay(flat, ints(1, 1, 1), torch.tensor([0.1, 0.1, 0.1]))
    assert sent.tolist() == [1, 0, 0]
    # the first has its position; the second decides to stay as it is while its order is sent
    sent, size = delay(ints(1, 0, 0), ints(1, 0, -1), torch.tensor([0.2, 0.2, 0.2]))
    assert sent.tolist() == [1, 1, 0]
    assert size[1] == torch.tensor(0.1)
    # the second was stopped out meanwhile: to have stayed is no order to enter again
    sent, _ = delay(ints(1, 1, 0), ints(0, 1, 0), torch.tensor([0.3, 0.3, 0.3]))
    assert sent.tolist() == [0, 1, 1]
    sent, size = delay(ints(0, 0, 1), ints(0, 0, 1), torch.tensor([0.4, 0.4, 0.4]))
    assert sent.tolist() == [0, 0, -1]
    assert size[2] == torch.tensor(0.2)


def test_costs_are_scaled_copy_by_copy(tape, team):
    rules = [PLAIN, replace(PLAIN, cost_scale=0.0), replace(PLAIN, cost_scale=2.5)]
    together = Judge(tape, halves(tape), EnvConfig(), rules)(team)
    assert (together.cost[0] > 0).sum() > 50
    assert not together.cost[1].any()
    for copy, scale in enumerate((1.0, 0.0, 2.5)):
        alone = Judge(tape, halves(tape), EnvConfig(), [PLAIN], cost_scale=scale)(team)
        np.testing.assert_array_equal(together.equity[copy], alone.equity[0])
        np.testing.assert_array_equal(together.cost[copy], alone.cost[0])


@pytest.mark.parametrize("lag", [1, 3])
def test_a_judged_account_lags_by_whole_decisions(tape, team, lag):
    segments = halves(tape)
    rules = [PLAIN, replace(PLAIN, delay=lag)]
    found = Judge(tape, segments, EnvConfig(max_hold_bars=10_000), rules, detail=True)(team)
    moved = 0
    for index, steps in enumerate(found.lengths()):
        wanted = found.detail.ensemble[1, index, :steps].argmax(axis=-1) - 1
        held, orders = 0, []
        for step in range(steps - 1):
            orders.append((wanted[step] != held, wanted[step]))
            if step >= lag and orders[step - lag][0]:
                held = orders[step - lag][1]
            assert found.position[1, index, step] == held
            moved += found.position[1, index, step] != found.position[0, index, step]
        assert found.position[1, index, steps - 1] == 0
    assert moved > 100
