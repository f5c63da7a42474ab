"""The vote in plain numbers is the batched one, to the last bit."""

import itertools

import numpy as np
import pytest
import torch

from grandmodel.decision.aggregation import Aggregation, Roles, VoteContext, quantity
from grandmodel.decision.single_vote import SingleVote, VoteFacts, contracts

ALL_ROLES = ("direction", "momentum", "entry")


@pytest.mark.parametrize(
    "roles",
    [ALL_ROLES, ("entry", "direction", "momentum"), ("direction", "entry"), ("momentum",)],
    ids="+".join,
)
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.65])
def test_every_combination_is_counted_as_in_a_batch(roles, threshold):
    draw = np.random.default_rng(7)
    facts = [
        VoteFacts(*numbers)
        for numbers in itertools.product((-1, 0, 1), range(5), (-1, 0, 1), (-1, 0, 1))
    ]
    votes = list(itertools.product(range(3), repeat=len(roles)))
    cases = [(cast, fact) for cast in votes for fact in facts]
    odds = draw.dirichlet(np.ones(3), (len(cases), len(roles))).astype(np.float32)
    odds[::5] = 1.0 / 3.0  # ties of pull and score
    cast = torch.tensor([list(c) for c, _ in cases])
    context = VoteContext(*torch.tensor([list(f) for _, f in cases]).unbind(1))
    batch = Aggregation(threshold)(*Roles(roles)(cast, torch.from_numpy(odds)), context)
    single = SingleVote(roles, threshold)
    found = [single(c, odds[k].tolist(), f) for k, (c, f) in enumerate(cases)]
    for name in ("target", "direction", "rule", "score"):
        assert [getattr(one, name) for one in found] == getattr(batch, name).tolist(), name


def test_contracts_are_those_of_a_batch():
    scores = torch.linspace(0.0, 1.0, 2001, dtype=torch.float64)
    for base, risk in ((10.0, 1.0), (10.0, 0.33), (1.0, 0.5), (0.1, 1.0)):
        batch = quantity(scores, base, risk).tolist()
        assert [contracts(score, base, risk) for score in scores.tolist()] == batch
