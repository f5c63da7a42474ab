"""How long one strategic decision takes on one core, and how many fit into a second in a batch.

A decision is: update every feature with the bar that closed, pool the last 48 bars, embed them for
three agents, join the account, pool the votes, apply the gate and the hard limits, and write the
reasoning record.

    python benchmarks/inference.py [--decisions 5000] [--batch 4096] [--network mlp|mlp_text]
"""

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import Tensor

from grandmodel.core.random import torch_stream
from grandmodel.decision.challenger import challenger
from grandmodel.decision.limits import apply_limits
from grandmodel.decision.record import explain, reasons
from grandmodel.decision.rules import Rule
from grandmodel.features.arrays import path_arrays
from grandmodel.features.config import FeatureConfig
from grandmodel.features.stream import MatrixStream
from grandmodel.market.calendar import session_table
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset
from grandmodel.systems.config import AgentConfig, MemberConfig, NetworkConfig
from grandmodel.systems.team import Team, build_team

CONF = Path(__file__).parents[1] / "conf"
CONTEXT = (
    "synergy_confidence",
    "synergy_direction",
    "log_volatility_ratio",
    "hour_sin",
    "hour_cos",
    "weekday",
)
WINDOW_BARS = 48
GATE = 0.45
HISTORY_BARS = 3_000
WARMUP_SHARE = 10


def strategic_team(network: str) -> Team:
    """The shipped strategic team with fresh weights."""
    given = OmegaConf.to_container(OmegaConf.load(CONF / "agent" / "strategic.yaml"))
    members = given["agent"]["members"]
    agent = AgentConfig(members={name: MemberConfig(**keys) for name, keys in members.items()})
    sizes = OmegaConf.to_container(OmegaConf.load(CONF / "network" / f"{network}.yaml"))
    sizes.pop("critic")
    generator = torch_stream(0, "benchmark")
    return build_team(agent, NetworkConfig(**sizes), None, CONTEXT, generator)


class Live:
    """The newest rows of the tape's columns, as a server would hold them.

    The features have seen ``history`` bars of the planted market before the first decision.
    """

    def __init__(self, team: Team, generator: torch.Generator, bars: int, history: int) -> None:
        small = SyntheticConfig(train_bars=history + bars, validation_bars=700, test_bars=700)
        path = make_dataset(small).paths[0]
        arrays = path_arrays(path, session_table(path.bars)).bars
        self._bars = iter([arrays.bar(i) for i in range(history + bars)])
        self._stream = MatrixStream(FeatureConfig(), 0.0, path.bars.volume_kind)
        self.columns = self._stream.columns
        self.window = torch.zeros(WINDOW_BARS, len(self.columns))
        self.account = torch.randn(1, 4, generator=generator)
        self._window = [self._positions(spec.window) for spec in team.specs]
        self._modifiers = [self._positions(spec.modifiers) for spec in team.specs]
        self._context = self._positions(CONTEXT)
        for _ in range(history):
            self.close_bar()

    def _positions(self, names: tuple[str, ...]) -> Tensor:
        return torch.tensor([self.columns.index(name) for name in names], dtype=torch.int64)

    def close_bar(self) -> None:
        """Update all features with the next bar and shift its row into the window."""
        row = self._stream.update(next(self._bars)).row
        self.window = torch.cat((self.window[1:], torch.from_numpy(row)[None]))

    @property
    def context(self) -> Tensor:
        """The context columns of the newest row, [1, C]."""
        return self.window[-1][self._context][None]

    def views(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return each agent's pooled window [1, 2W] and modifier columns [1, M]."""
        mean, last = self.window.mean(0), self.window[-1]
        pooled = [torch.cat((mean[p], last[p]))[None] for p in self._window]
        return pooled, [last[p][None] for p in self._modifiers]


def single_decision(team: Team, live: Live) -> Callable[[], dict]:
    """Return a function that takes one decision at batch 1."""
    heads = team.heads()
    position, held = torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64)

    def decide() -> dict:
        live.close_bar()
        windows, modifiers = live.views()
        embeddings = team.embed_all(windows, [live.context] * team.n_agents)
        logits = team.logits_all(embeddings, live.account, modifiers, heads=heads)
        ensemble = team.pooled(logits)
        target, proceed, rule = challenger(ensemble, position, GATE)
        allowed, limit = apply_limits(target, position, held, 96)
        return explain(
            team.names,
            torch.softmax(logits[0], -1),
            ensemble[0],
            team.weights,
            position=0,
            target=int(allowed),
            should_proceed=bool(proceed),
            rule=int(limit) if int(limit) != Rule.NONE else int(rule),
        )

    return decide


def batch_decisions(team: Team, batch: int, generator: torch.Generator) -> Callable[[], Tensor]:
    """Return a function that takes ``batch`` decisions, reasoning fields included."""
    heads = team.heads()
    windows = [torch.randn(batch, 2 * len(s.window), generator=generator) for s in team.specs]
    contexts = [torch.randn(batch, len(CONTEXT), generator=generator)] * team.n_agents
    modifiers = [torch.rand(batch, len(s.modifiers), generator=generator) for s in team.specs]
    account = torch.randn(batch, 4, generator=generator)
    position = torch.randint(-1, 2, (batch,), generator=generator)
    held = position.abs() * 5

    def decide() -> Tensor:
        logits = team.logits_all(team.embed_all(windows, contexts), account, modifiers, heads=heads)
        ensemble = team.pooled(logits)
        target, _, _ = challenger(ensemble, position, GATE)
        allowed, _ = apply_limits(target, position, held, 96)
        reasons(torch.softmax(logits, -1), ensemble)
        return allowed

    return decide


def seconds_each(run: Callable[[], object], repeats: int) -> np.ndarray:
    """Time calls after a warm-up of a tenth of them, [repeat, (wall clock, processor)].

    Processor time shows what the decision itself costs where other programs share the core.
    """
    for _ in range(max(repeats // WARMUP_SHARE, 3)):
        run()
    times = np.empty((repeats, 2))
    for i in range(repeats):
        wall, processor = time.perf_counter(), time.thread_time()
        run()
        times[i] = time.perf_counter() - wall, time.thread_time() - processor
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--network", default="mlp", choices=["mlp", "mlp_text"])
    given = parser.parse_args()
    torch.set_num_threads(1)
    generator = torch_stream(1, "benchmark")
    team = strategic_team(given.network).eval()
    with torch.inference_mode():
        warmup = max(given.decisions // WARMUP_SHARE, 3)
        live = Live(team, generator, given.decisions + warmup, HISTORY_BARS)
        single = seconds_each(single_decision(team, live), given.decisions)
        batched = seconds_each(batch_decisions(team, given.batch, generator), 50)
    figures = {
        "network": given.network,
        "p50_ms": round(1e3 * float(np.percentile(single[:, 0], 50)), 3),
        "p99_ms": round(1e3 * float(np.percentile(single[:, 0], 99)), 3),
        "p99_processor_ms": round(1e3 * float(np.percentile(single[:, 1], 99)), 3),
        "decisions_per_s_batch_1": round(1.0 / float(single[:, 0].mean())),
        f"decisions_per_s_batch_{given.batch}": round(
            given.batch / float(np.median(batched[:, 0]))
        ),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
