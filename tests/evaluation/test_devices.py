"""Accounts that are compiled for the CPU accept a tape that lives on another device."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from fakes import fake_tape, halves

from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.references.rules import ma_difference
from grandmodel.evaluation.references.tuned import ReferenceDesk, optimum
from grandmodel.evaluation.rivals.baselines import ma_cross, random_trades
from grandmodel.features.tape import Tape


class Elsewhere(torch.Tensor):
    """Refuses what a tensor on a GPU refuses: to be viewed as a NumPy array."""

    def numpy(self, *args, **kwargs):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    def to(self, *args, **kwargs):
        return self.as_subclass(torch.Tensor)

    cpu = to


def elsewhere(tape: Tape) -> Tape:
    moved = {
        field.name: value.as_subclass(Elsewhere)
        for field in fields(tape)
        if isinstance(value := getattr(tape, field.name), torch.Tensor)
    }
    return replace(tape, **moved)


def test_baselines_of_a_tape_on_another_device():
    here, env = fake_tape(900), EnvConfig()
    there, segments = elsewhere(here), halves(here)
    with pytest.raises(TypeError):
        there.close.numpy()
    crosses = [ma_cross(tape, segments, segments, env) for tape in (here, there)]
    assert np.array_equal(crosses[0].track.equity, crosses[1].track.equity)
    drawn = random_trades(there, crosses[0].track, 0.0, env, seed=0, draws=20)
    assert len(drawn.sharpe) == 20


def test_references_of_a_tape_on_another_device():
    here, env = fake_tape(900), EnvConfig()
    segments = halves(here)
    accounts = []
    for tape in (here, elsewhere(here)):
        desk = ReferenceDesk(tape, segments[:1], segments[1:], env)
        signal = ma_difference(tape, 5, 20)
        found = desk.run("cross", signal, desk.tune(signal))
        accounts.append((found.track.equity, optimum(tape, segments, env).track.equity))
    for one, other in zip(*accounts, strict=True):
        assert np.array_equal(one, other)
