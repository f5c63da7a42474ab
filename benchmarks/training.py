"""Whole training side by side with Stable-Baselines3 PPO, in one run, as ratios.

    python benchmarks/training.py speed             environment steps per second of training
    python benchmarks/training.py reach [--limit S] seconds to half of the student's Sharpe

Both sides train one agent on the same bars, columns, costs and reward; Stable-Baselines3 goes
through the Gymnasium adapter. Needs the extra `bench`. Results go to benchmarks/results/.
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback
from rich.console import Console
from rich.table import Table
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from grandmodel.envs.episodes import flat_observation
from grandmodel.envs.gym_env import GymMarketEnv, GymVectorMarketEnv
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.observation import MarketView
from grandmodel.envs.sb3_env import StableBaselinesMarketEnv
from grandmodel.envs.starts import SegmentStarts
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.judging.calibration import Validator
from grandmodel.evaluation.judging.judgement import Judgement
from grandmodel.learning.lightning.fit import FitPlan, fit
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.market import Stage, build_stage
from grandmodel.wiring.occasion import build_validator
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.system import build_learner, build_system, fitted_reward

RESULTS = Path(__file__).parent / "results"
PEER_NETWORK = [
    "network.trunk=[256,128]",
    "network.head=64",
    "network.layer_norm=false",
    "network.dropout=0",
    "network.critic.hidden=[256,128,64]",
    "network.critic.layer_norm=false",
]
EQUAL = ["agent=strategic_single", *PEER_NETWORK, "algorithm.kl_target=null", "algorithm.epochs=10"]
LAYERS = {"pi": [256, 128, 64], "vf": [256, 128, 64]}
STUDENT_SHARE = 0.5
PRECISIONS = ("32-true", "bf16-mixed")
ADAPTERS, BRIDGE = "SB3 with an adapter each", "SB3 over a bridge"
ROUNDS = 3
SHIPPED_MINIBATCH = 4096
SHORT_TAPE = [  # an adapter each means a copy of the columns each
    "data.train_bars=20000",
    *(
        f"data.{part}_{what}"
        for part in ("validation", "test")
        for what in ("paths=1", "bars=5000")
    ),
]


class Ends(Callback):
    """Notes when each update of this project ends."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_train_batch_end(self, *given: Any, **more: Any) -> None:
        del given, more
        self.times.append(time.perf_counter())


class Bench:
    """One configuration with its bars, and both trainers on it."""

    def __init__(self, overrides: list[str]) -> None:
        self.config = typed(compose("train", overrides), TrainConfig)
        env = self.config.env
        self.stage: Stage = build_stage(
            self.config, max_hold_bars=env.max_hold_bars, episode_bars=env.episode_bars
        )
        self.reward = fitted_reward(self.config, self.stage)
        self.spans = self.stage.segments("train", 1)
        self.spec = build_system(self.config).specs[0]

    def ours(self, total_steps: int, validate: Callable | None = None, every: int = 0) -> float:
        """Train with this project; return seconds."""
        return self._fit(total_steps, validate=validate, validate_every=every)

    def rate(self, total_steps: int, precision: str) -> float:
        """Return environment steps per second of training, a first rollout not counted."""
        ends = Ends()
        rows = self.config.algorithm.rows
        self._fit(total_steps + rows, precision=precision, callbacks=[ends])
        return (len(ends.times) - 1) * rows / (ends.times[-1] - ends.times[0])

    def _fit(self, total_steps: int, **more: Any) -> float:
        team = build_system(self.config)
        reward = fitted_reward(self.config, self.stage)
        collector, learner = build_learner(self.config, self.stage, team, reward)
        with tempfile.TemporaryDirectory() as folder:
            plan = FitPlan(
                learner=learner,
                collector=collector,
                total_steps=total_steps,
                folder=Path(folder),
                progress=False,
                checkpoint_seconds=1e9,
                **more,
            )
            return fit(plan).seconds

    def peer(self, n_envs: int, *, bridge: bool, usual: bool, minibatch: int = 4096) -> PPO:
        """Return Stable-Baselines3's PPO on the same market.

        Args:
            n_envs: number of environments.
            bridge: step them in one batch through the adapter for it;
                otherwise one Gymnasium adapter each, in its own `DummyVecEnv`.
            usual: its usual settings, or ours.
            minibatch: rows of a gradient step, of ours.
        """
        args = (self.stage.tape, self.spec, self.config.env, self.reward, self.spans)
        env: VecEnv
        if bridge:
            env = StableBaselinesMarketEnv(GymVectorMarketEnv(*args, n_envs=n_envs))
        else:
            env = DummyVecEnv([lambda k=k: GymMarketEnv(*args, seed=k) for k in range(n_envs)])
        if usual:
            return PPO("MlpPolicy", env, seed=0, device="cpu")
        algorithm = self.config.algorithm
        return PPO(
            "MlpPolicy",
            env,
            seed=0,
            device="cpu",
            n_steps=algorithm.rollout_steps,
            batch_size=minibatch,
            n_epochs=algorithm.epochs,
            gamma=algorithm.gamma,
            gae_lambda=algorithm.gae_lambda,
            learning_rate=algorithm.actor_lr,
            policy_kwargs={"net_arch": LAYERS, "activation_fn": torch.nn.ReLU},
        )

    def sharpe_of_peer(self, model: BaseAlgorithm) -> float:
        """Net Sharpe of the peer's likeliest actions on the validation paths."""
        segments = self.stage.segments("validation", 64)
        starts = SegmentStarts(segments, 1, "cpu")
        generator = torch.Generator().manual_seed(0)
        env = MarketEnv(
            self.stage.tape, self.config.env, self.reward, starts=starts, generator=generator
        )
        view = MarketView(self.stage.tape, self.spec)
        seen = env.reset()
        rows = []
        for _ in range(starts.steps):
            action, _ = model.predict(flat_observation(view, seen).numpy(), deterministic=True)
            result = env.step(torch.as_tensor(action, dtype=torch.int64) - 1)
            seen = result.observation
            told = (result.equity, result.cost, result.executed, env.quantity)
            rows.append(tuple(values.numpy() for values in told))
        equity, cost, held, units = (
            np.stack(column, axis=1)[None] for column in zip(*rows, strict=True)
        )
        judged = Judgement(
            segments=tuple(segments),
            rules=("peer",),
            gates=(0.0,),
            capital=self.config.env.capital,
            compounding=True,
            max_hold_bars=self.config.env.max_hold_bars,
            equity=equity,
            cost=cost,
            position=held.astype(np.int8),
            quantity=units,
            ended=np.zeros(held.shape, np.int8),
            detail=None,
        )
        market = Market.of(self.stage.tape)
        return float(judged.sharpes(market, self.stage.sessions_per_year)[0])


def timed_peer(model: PPO, steps: int) -> float:
    """Seconds of training for ``steps`` environment steps, a first rollout not counted."""
    rollout = model.n_steps * model.n_envs
    model.learn(rollout)
    began = time.perf_counter()
    model.learn(steps, reset_num_timesteps=False)
    return (time.perf_counter() - began) / (-(-steps // rollout) * rollout) * steps


def speed(console: Console) -> dict[str, float]:
    """Environment steps per second of whole training, this project beside the peer.

    Over the bridge they take turns, and medians are compared, so that a busy moment of the
    machine hits both. One adapter per environment is so much slower that one turn tells.
    """
    found: dict[str, float] = {}
    for minibatch, steps in ((SHIPPED_MINIBATCH, 131_072), (256, 32_768)):
        bench = Bench([*EQUAL, f"algorithm.minibatch={minibatch}"])
        n_envs = bench.config.algorithm.environments
        bridge = bench.peer(n_envs, bridge=True, usual=False, minibatch=minibatch)
        rates: dict[str, list[float]] = {name: [] for name in (*PRECISIONS, BRIDGE)}
        for _ in range(ROUNDS):
            for precision in PRECISIONS:
                rates[precision].append(bench.rate(steps, precision))
            rates[BRIDGE].append(steps / timed_peer(bridge, steps))
        median = {name: float(np.median(values)) for name, values in rates.items()}
        if minibatch == SHIPPED_MINIBATCH:
            median[ADAPTERS] = rate_of_adapters(n_envs, minibatch)
        found |= {f"{name}, minibatch {minibatch}": value for name, value in median.items()}
        for name in (ADAPTERS, BRIDGE):
            for precision in PRECISIONS if name in median else ():
                ratio = median[precision] / median[name]
                found[f"{precision} over {name}, minibatch {minibatch}"] = ratio
    usual = Bench(EQUAL).peer(8, bridge=False, usual=True)
    found["SB3 usual settings, 8 environments"] = 32_768 / timed_peer(usual, 32_768)
    show(console, "environment steps per second of training", found)
    return found


def rate_of_adapters(n_envs: int, minibatch: int) -> float:
    """Return the peer's steps per second with one Gymnasium adapter for each environment."""
    short = Bench([*EQUAL, f"algorithm.minibatch={minibatch}", *SHORT_TAPE])
    peer = short.peer(n_envs, bridge=False, usual=False, minibatch=minibatch)
    steps = short.config.algorithm.rows
    return steps / timed_peer(peer, steps)


class Reach(BaseCallback):
    """Stops the peer once it reaches a Sharpe, or its time is up; judging is not counted."""

    def __init__(self, bench: Bench, goal: float, limit: float, every: int) -> None:
        super().__init__()
        self.bench, self.goal, self.limit, self.every = bench, goal, limit, every
        self.began = time.perf_counter()
        self.judged = 0.0
        self.next = every
        self.reached: float | None = None
        self.best = -np.inf

    def _on_step(self) -> bool:
        spent = time.perf_counter() - self.began - self.judged
        if self.num_timesteps >= self.next:
            self.next += self.every
            before = time.perf_counter()
            sharpe = self.bench.sharpe_of_peer(self.model)
            self.judged += time.perf_counter() - before
            self.best = max(self.best, sharpe)
            if sharpe >= self.goal:
                self.reached = spent
                return False
        return spent < self.limit


def reach(console: Console, limit: float, student: float) -> dict[str, float | None]:
    """Seconds of training until the validation Sharpe is half of the privileged student's."""
    goal = STUDENT_SHARE * student
    bench = Bench(["agent=strategic", "experiment=planted_market"])
    found: dict[str, float | None] = {"goal": goal}
    found["ours, seconds"] = reach_of_ours(bench, goal)
    peer_bench = Bench(["agent=strategic_single", "experiment=planted_market"])
    model = peer_bench.peer(8, bridge=False, usual=True)
    watch = Reach(peer_bench, goal, limit, every=65_536)
    model.learn(10**9, callback=watch)
    found["SB3, usual settings, seconds"] = watch.reached
    found["SB3, best Sharpe seen"] = watch.best
    found["SB3, seconds allowed"] = limit
    if found["ours, seconds"]:
        against = watch.reached if watch.reached is not None else limit
        found["ratio (at least, where not reached)"] = against / found["ours, seconds"]
    show(console, "seconds to half of the student's Sharpe", found)
    return found


def reach_of_ours(bench: Bench, goal: float) -> float | None:
    """Seconds of training, validations not counted, until the team's Sharpe is ``goal``."""
    validator: Validator = build_validator(bench.config, bench.stage, 0.0, detail=False)
    began, judged, reached = time.perf_counter(), 0.0, None

    def validate(team: Any) -> dict[str, float | int | str | None]:
        nonlocal judged, reached
        before = time.perf_counter()
        sharpe = validator(team).sharpe
        if reached is None and sharpe >= goal:
            reached = before - began - judged
        judged += time.perf_counter() - before
        return {"score": sharpe}

    bench.ours(bench.config.total_steps, validate, every=131_072)
    return reached


def show(console: Console, title: str, found: dict) -> None:
    table = Table(title=title)
    table.add_column("")
    table.add_column("", justify="right")
    for name, value in found.items():
        table.add_row(name, "not reached" if value is None else f"{value:,.2f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("speed", "reach"))
    parser.add_argument("--limit", type=float, default=600.0, help="seconds the peer may train")
    parser.add_argument("--student", type=float, default=4.5, help="privileged student's Sharpe")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    console = Console()
    found: dict[str, Any] = (
        speed(console) if given.what == "speed" else reach(console, given.limit, given.student)
    )
    RESULTS.mkdir(exist_ok=True)
    machine = f"{platform.machine()}, {given.threads} threads, torch {torch.__version__}"
    target = RESULTS / f"training_{given.what}.json"
    target.write_text(json.dumps({"machine": machine, **found}, indent=2) + "\n")
    console.print(f"written: {target}")


if __name__ == "__main__":
    main()
