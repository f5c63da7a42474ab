"""The market of a configuration as an environment of other frameworks.

Importing this module makes `GrandModel/Market-v0` known to Gymnasium:
`gymnasium.make("grandmodel.wiring.environments:GrandModel/Market-v0", overrides=[...])`.
Source: `docs/adapters.md`.
"""

import importlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from grandmodel.core.checks import UserError, require, require_choice
from grandmodel.core.types import ObservationSpec, Segment
from grandmodel.envs.gym_env import GymMarketEnv, GymVectorMarketEnv
from grandmodel.envs.observation import MarketView
from grandmodel.envs.reward import Reward
from grandmodel.evaluation.trials.ledger import Ledger
from grandmodel.systems.critic import union_spec
from grandmodel.systems.team import member_spec
from grandmodel.systems.weights import initial_shares
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.exit import one_sentence
from grandmodel.wiring.market import Stage, build_stage
from grandmodel.wiring.rules import check_rules
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.system import (
    fitted_reward,
    read_columns,
    team_context,
    with_leak,
    with_needed_features,
)
from grandmodel.wiring.trial import facts_of, trial_of

ENVIRONMENT_ID = "GrandModel/Market-v0"
KINDS = ("gymnasium", "gymnasium_vector", "pettingzoo", "stable_baselines3")
SPLITS = ("train", "validation", "test")
N_ENVS = 64


@dataclass(frozen=True)
class OpenMarket:
    """Bars, features and settings, from which any number of environments are made.

    Environments of one market share its tape. All run on the CPU.
    """

    raw: DictConfig
    config: TrainConfig
    stage: Stage
    specs: tuple[ObservationSpec, ...]
    weights: tuple[float, ...]
    _views: dict[ObservationSpec, MarketView] = field(default_factory=dict, repr=False)

    def gymnasium(
        self,
        split: str = "train",
        *,
        member: str | None = None,
        seed: int | None = None,
        open_test: bool = False,
    ) -> GymMarketEnv:
        """Return a Gymnasium environment.

        Args:
            split: `train`: episodes of `env.episode_bars` at random; `validation`, `test`: the
                segments of the split, one per episode, in turn.
            member: whose inputs are observed; None: those of all members together.
            seed: of the episodes, until `reset(seed=...)`; None: that of the configuration.
            open_test: look at the sealed test split of your own bars; counted in the ledger.

        Raises:
            UserError: there is no such split or member, or the split is sealed.
        """
        spans = self._spans(split, "gymnasium", open_test=open_test)
        view = self._view(self._spec(member))
        return GymMarketEnv(
            self.stage.tape, view, self.config.env, self._reward(), spans,
            seed=self._seed(seed), in_turn=split != "train",
        )  # fmt: skip

    def gymnasium_vector(
        self,
        split: str = "train",
        *,
        n_envs: int | None = None,
        member: str | None = None,
        seed: int | None = None,
        open_test: bool = False,
    ) -> GymVectorMarketEnv:
        """Return a Gymnasium vector environment; arguments as in :meth:`gymnasium`.

        `n_envs` (64) is for training; on validation and test each segment has an environment.
        """
        spans = self._spans(split, "gymnasium_vector", open_test=open_test)
        require(
            split == "train" or n_envs is None,
            f"n_envs cannot be given with split={split}: each segment has an environment, and "
            "evaluation.segments says how many there are",
        )
        count = (n_envs if n_envs is not None else N_ENVS) if split == "train" else len(spans)
        view = self._view(self._spec(member))
        return GymVectorMarketEnv(
            self.stage.tape, view, self.config.env, self._reward(), spans,
            n_envs=count, seed=self._seed(seed), in_turn=split != "train",
        )  # fmt: skip

    def stable_baselines3(self, split: str = "train", **options: Any) -> Any:
        """Return :meth:`gymnasium_vector` as a `VecEnv` of Stable-Baselines3."""
        adapter = _adapter("sb3_env", "stable_baselines3", "stable-baselines3")
        return adapter.StableBaselinesMarketEnv(self.gymnasium_vector(split, **options))

    def pettingzoo(
        self,
        split: str = "train",
        *,
        weights: Mapping[str, float] | None = None,
        rewards: str = "own",
        seed: int | None = None,
        open_test: bool = False,
    ) -> Any:
        """Return a PettingZoo `ParallelEnv` whose agents are the team's members.

        Args:
            split: as in :meth:`gymnasium`.
            weights: with which executors are drawn, by name; None: the members' initial ones.
            rewards: `own`: the executor gets the reward and the others 0; `shared`: all get it.
            seed: of starts and executors, as in :meth:`gymnasium`.
            open_test: as in :meth:`gymnasium`.

        Raises:
            UserError: as :meth:`gymnasium`; weights that are none, or of other agents.
        """
        adapter = _adapter("pettingzoo_env", "pettingzoo", "grandmodel[pettingzoo]")
        names = [spec.agent for spec in self.specs]
        given = dict(zip(names, self.weights, strict=True)) if weights is None else weights
        require(
            isinstance(given, Mapping) and set(given) == set(names),
            f"weights must name each of {', '.join(names)} once, was {given}: give a dictionary",
        )
        spans = self._spans(split, "pettingzoo", open_test=open_test)
        return adapter.PettingZooMarketEnv(
            self.stage.tape, [self._view(spec) for spec in self.specs], self.config.env,
            self._reward(), spans, weights=[given[name] for name in names],
            critic=self._view(union_spec(self.specs)), rewards=rewards,
            seed=self._seed(seed), in_turn=split != "train",
        )  # fmt: skip

    def _seed(self, seed: int | None) -> int:
        require(seed is None or seed >= 0, f"seed must not be negative, was {seed}")
        return self.config.seed if seed is None else seed

    def _reward(self) -> Reward:
        """Return a reward of its own: environments do not share a running scale."""
        return fitted_reward(self.config, self.stage)

    def _spec(self, member: str | None) -> ObservationSpec:
        if member is None:
            return union_spec(self.specs)
        found = {spec.agent: spec for spec in self.specs}
        require(member in found, f"member must be one of {', '.join(found)}, was {member}")
        return found[member]

    def _view(self, spec: ObservationSpec) -> MarketView:
        if spec not in self._views:
            self._views[spec] = MarketView(self.stage.tape, spec)
        return self._views[spec]

    def _spans(self, split: str, kind: str, *, open_test: bool) -> list[Segment]:
        require_choice("split", split, SPLITS)
        synthetic = self.stage.dataset.synthetic
        if split == "train":
            return self.stage.segments(split, 1)
        segments = self.stage.segments(split, self.config.evaluation.segments_for(synthetic))
        if split == "test" and not synthetic:
            self._open(kind, allowed=open_test)
        return segments

    def _open(self, kind: str, *, allowed: bool) -> None:
        """Count an opening of the sealed test split, as a trial of its own without returns."""
        require(
            allowed,
            "split=test of your own bars is sealed: choose on split=validation, then give "
            f"open_test=True once, which {self.config.paths.ledger} counts",
        )
        trial = trial_of(self.raw, self.stage.dataset, "test", None)
        Ledger(Path(self.config.paths.ledger)).append(
            "environment",
            replace(trial, config=f"{trial.config}/{kind}"),
            self.stage.tape.close[:0].numpy(),
            close_time_ns=self.stage.tape.open_time_ns[:0].numpy(),
            run=kind,
            opened=self.stage.used("test", ""),
            **facts_of(self.config.agent.name, self.stage.dataset),
        )


def open_market(*overrides: str) -> OpenMarket:
    """Compose a configuration as `train.py` does, read its bars and make their features.

    Args:
        *overrides: words of `train.py`'s command line, such as `data=csv`.

    Raises:
        UserError: an override names an unknown key, choice or type, a value breaks a rule, or the
            bars cannot be read.
    """
    try:
        raw = compose("train", overrides)
        config = with_needed_features(typed(raw, TrainConfig))
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(one_sentence(error)) from error
    stage = build_stage(
        config,
        max_hold_bars=config.env.max_hold_bars,
        episode_bars=config.env.episode_bars,
        columns=read_columns(config),
    )
    check_rules(config, stage.dataset)
    return OpenMarket(raw, config, stage, *_team(config))


def make_env(*overrides: str, kind: str = "gymnasium", split: str = "train", **options: Any) -> Any:
    """Return the market of a configuration as an environment of another framework.

    Args:
        *overrides: words of `train.py`'s command line, such as `data=csv`.
        kind: `gymnasium`, `gymnasium_vector`, `pettingzoo` or `stable_baselines3`.
        split: `train`, `validation` or `test`.
        **options: of the method of :class:`OpenMarket` with that name.

    Raises:
        UserError: as :func:`open_market` and that method.
    """
    require_choice("kind", kind, KINDS)
    require_choice("split", split, SPLITS)
    method = "gymnasium_vector" if kind == "stable_baselines3" else kind
    known = [*inspect.signature(getattr(OpenMarket, method)).parameters][2:]  # self, split
    for name in options:
        require(name in known, f"kind={kind} takes {', '.join(known)} and has no option {name}")
    return getattr(open_market(*overrides), kind)(split, **options)


def gymnasium_env(overrides: Sequence[str] = (), **options: Any) -> GymMarketEnv:
    """Return the environment that `gymnasium.make` asks for; arguments as in :func:`make_env`."""
    return make_env(*overrides, kind="gymnasium", **options)


def gymnasium_vector_env(
    overrides: Sequence[str] = (), num_envs: int | None = None, **options: Any
) -> GymVectorMarketEnv:
    """Return the environment that `gymnasium.make_vec` asks for."""
    train = options.get("split", "train") == "train"
    more = {"n_envs": num_envs} if train else {}
    return make_env(*overrides, kind="gymnasium_vector", **more, **options)


def _team(config: TrainConfig) -> tuple[tuple[ObservationSpec, ...], tuple[float, ...]]:
    """Return what each member observes, and the initial weights."""
    agent = with_leak(config)
    members = [agent.members[name] for name in agent.active_names]
    specs = tuple(
        member_spec(name, member, config.network, team_context(agent), agent.account)
        for name, member in zip(agent.active_names, members, strict=True)
    )
    shares = initial_shares(agent.active_names, [member.initial_weight for member in members])
    return specs, tuple(float(share) for share in shares)


def _adapter(module: str, package: str, requirement: str) -> Any:
    """Import an adapter whose package is no requirement of this one.

    Raises:
        UserError: the package is not installed.
    """
    try:
        return importlib.import_module(f"grandmodel.envs.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != package:
            raise
        raise UserError(
            f"kind={package} needs the package {package}, which is not installed: "
            f'pip install "{requirement}"'
        ) from None


if ENVIRONMENT_ID not in gym.registry:
    gym.register(
        ENVIRONMENT_ID,
        entry_point="grandmodel.wiring.environments:gymnasium_env",
        vector_entry_point="grandmodel.wiring.environments:gymnasium_vector_env",
    )
