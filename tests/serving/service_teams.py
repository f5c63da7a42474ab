"""A tactical service that votes what a test wants, and what it is asked."""

import numpy as np
import torch

from grandmodel.core.types import ACCOUNT_BLOCK
from grandmodel.decision.aggregation import ROLES
from grandmodel.features.latched import LATCHED
from grandmodel.features.tactical import MATRIX_5
from grandmodel.serving.synergy_event import Snapshot
from grandmodel.serving.tactical import TacticalController
from grandmodel.systems.config import AgentConfig, MemberConfig, NetworkConfig
from grandmodel.systems.team import build_team

EVENT = {
    "synergy_type": "TYPE_2",
    "direction": 1,
    "confidence": 0.7,
    "signal_sequence": [{"kind": "mlmi"}],
    "market_context": {"session": "us"},
}


BLANK = dict.fromkeys(ACCOUNT_BLOCK, 0.0)


def team_of(inputs=MATRIX_5, kind="conv"):
    names = ("fvg", "momentum", "entry")
    members = {
        name: MemberConfig(inputs=list(inputs), window_bars=60, votes=role)
        for name, role in zip(names, ROLES, strict=True)
    }
    network = NetworkConfig(kind=kind, trunk=[16], head=16)
    generator = torch.Generator().manual_seed(0)
    return build_team(
        AgentConfig(members=members, executor="votes", execute="votes"),
        network,
        None,
        LATCHED,
        generator,
    )


def persuaded(*classes):
    """A team whose agents vote for the given classes whatever they see."""
    team = team_of()
    with torch.no_grad():
        for policy, wanted in zip(team.policies, classes, strict=True):
            policy.head.out.weight.zero_()
            policy.head.out.bias.copy_(4.0 * torch.nn.functional.one_hot(torch.tensor(wanted), 3))
    return team


def snapshot(position=0, **changes):
    matrix = np.zeros((60, 7), np.float32)
    matrix[-1, MATRIX_5.index("price_momentum_5")] = 0.5
    plain = {
        "matrix": matrix,
        "context": dict.fromkeys(LATCHED, 0.0),
        "account": BLANK | {"position": position},
        "close": 5000.1,
        "atr_14": 8.0,
    }
    return Snapshot(**(plain | changes))


def service(team=None, seen=None, **changes):
    given = {"symbol": "MES", "tick": 0.25, "threshold": 0.65}
    made = team or persuaded(2, 2, 1)
    return TacticalController(made, lambda: seen or snapshot(), **(given | changes))
