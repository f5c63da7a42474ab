"""A small fake market and a small team, shared by the tests of this room."""

import numpy as np
import torch

from grandmodel.core.random import torch_stream
from grandmodel.core.types import Segment
from grandmodel.features.tape import Tape
from grandmodel.market.instruments import Instrument
from grandmodel.systems.config import AgentConfig, CriticConfig, MemberConfig, NetworkConfig
from grandmodel.systems.team import Team, build_team

torch.set_num_threads(1)  # tiny tensors: a second thread only waits

HALF_HOUR_NS = 1_800_000_000_000
COLUMNS = (
    "mlmi_value",
    "nwrqk_value",
    "mmd_score",
    "raw_volatility_30",
    "slope_z",
    "lvn_side",
    "support_strength",
    "hour_sin",
)


def fake_tape(
    bars: int = 2_000,
    *,
    seed: int = 0,
    paths: int = 1,
    bars_per_session: int = 46,
    sd: float = 1e-3,
    edge: str = "carry",
    fee_bps: float = 1.0,
    long_only: bool = False,
) -> Tape:
    """A random walk with random columns; sessions of equal length, no breaks."""
    rng = np.random.default_rng(seed)
    total = bars * paths
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, sd, (paths, bars)), axis=1)).ravel()
    start = np.concatenate([[100.0], close[:-1]])
    start[::bars] = 100.0
    high = np.maximum(start, close) * (1.0 + np.abs(rng.normal(0.0, sd / 2, total)))
    low = np.minimum(start, close) * (1.0 - np.abs(rng.normal(0.0, sd / 2, total)))
    features = rng.normal(0.0, 1.0, (total, len(COLUMNS)))
    features[:, COLUMNS.index("raw_volatility_30")] = rng.uniform(0.5, 2.0, total)
    features[:, COLUMNS.index("lvn_side")] = rng.integers(-1, 2, total)
    features[:, COLUMNS.index("support_strength")] = rng.uniform(0.0, 1.0, total)
    within = np.tile(np.arange(bars) // bars_per_session, paths)
    path = np.repeat(np.arange(paths), bars)
    session = within + path * (bars // bars_per_session + 1)
    open_ns = np.tile(1_600_000_200_000_000_000 // HALF_HOUR_NS * HALF_HOUR_NS, total)
    open_ns = open_ns + np.tile(np.arange(bars), paths) * HALF_HOUR_NS
    instrument = Instrument(
        name="fake",
        fee_bps=fee_bps,
        calendar="planted",
        edge=edge,
        long_only=long_only,
        sessions_per_year=252.0,
    )
    return Tape(
        columns=COLUMNS,
        features=torch.tensor(features, dtype=torch.float32),
        open_time_ns=torch.tensor(open_ns),
        open=torch.tensor(start),
        high=torch.tensor(high),
        low=torch.tensor(low),
        close=torch.tensor(close),
        trailing_sd=torch.full((total,), sd, dtype=torch.float64),
        atr14=torch.full((total,), 100.0 * sd, dtype=torch.float64),
        session=torch.tensor(session),
        scheduled=torch.ones(total, dtype=torch.bool),
        edge_ahead=torch.tensor(np.diff(session[1:], append=[-1, -1]) != 0),
        break_ahead_hours=torch.zeros(total, dtype=torch.float64),
        break_hours=torch.zeros(total, dtype=torch.float64),
        spread_multiplier=torch.ones(total, dtype=torch.float64),
        path=torch.tensor(path),
        minutes=30,
        instrument=instrument,
        fingerprint=f"fake-{seed}-{bars}-{paths}",
    )


def fake_team(*, seed: int = 0, boldness: float = 40.0, trunk: int = 128, head: int = 64) -> Team:
    """A freshly initialised team of three whose opinions are made strong by ``boldness``."""
    agent = AgentConfig(
        members={
            "mlmi": MemberConfig(inputs=["mlmi_value"], initial_weight=0.40),
            "nwrqk": MemberConfig(
                inputs=["nwrqk_value"], initial_weight=0.35, modifiers=["support_prior"]
            ),
            "regime": MemberConfig(
                inputs=["mmd_score"], initial_weight=0.25, modifiers=["volatility_factor"]
            ),
        }
    )
    network = NetworkConfig(trunk=[trunk], head=head)
    team = build_team(agent, network, CriticConfig(), ["hour_sin"], torch_stream(seed, "init"))
    with torch.no_grad():
        for policy in team.policies:
            policy.head.out.weight.mul_(boldness)
    return team


def halves(tape: Tape, count: int = 2) -> list[Segment]:
    """Cut every path of a tape into ``count`` segments at session edges."""
    segments = []
    for path in torch.unique(tape.path).tolist():
        rows = torch.nonzero(tape.path == path).flatten()
        first, last = int(rows[0]), int(rows[-1]) + 1
        ends = (torch.nonzero(tape.session[rows].diff()).flatten() + first + 1).tolist()
        cuts = [first + (last - first) * k // count for k in range(1, count)]
        edges = [first, *(min(ends, key=lambda end: abs(end - cut)) for cut in cuts), last]
        segments += [Segment(edges[k], edges[k + 1], path=path, segment=k) for k in range(count)]
    return segments
