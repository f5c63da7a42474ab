"""From the settings of a run to those of its rivals: the same budget, another way to learn.

Source: `docs/definitions.md`, Learned baselines.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from grandmodel.core.checks import UserError
from grandmodel.core.types import ObservationSpec
from grandmodel.systems.config import MemberConfig
from grandmodel.systems.critic import union_spec
from grandmodel.systems.team import member_spec
from grandmodel.wiring.compose import typed
from grandmodel.wiring.run_folder import RunFolder, existing_run
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.sections import PathsConfig, TrainerConfig
from grandmodel.wiring.system import team_context
from grandmodel.wiring.trial import trained_as

SINGLE = "single"
LEAKED_TO_ALL = ("none", "all")
AFRESH: dict[str, Any] = {  # a rival is judged for its own record, and makes no report of it
    "evaluation.learned": False,
    "evaluation.report": False,
    "evaluation.references": False,
    "evaluation.surrogates": 0,
    "evaluation.label_shifts": 0,
    "logger.kind": "none",
    "init_from": None,
    "allow_overlap": False,
}


@dataclass(frozen=True)
class Origin:
    """The run that is judged: its folder and the settings it was trained with."""

    folder: RunFolder
    settings: DictConfig

    @classmethod
    def of(cls, folder: RunFolder) -> "Origin":
        """Read the settings of a finished run."""
        return cls(folder, existing_run(str(folder.path))[1])

    @property
    def trainer(self) -> TrainerConfig:
        """The hardware that it was trained with."""
        return typed(self.afresh(PathsConfig()), TrainConfig).trainer

    def home(self, output: str) -> Path:
        """Return where its rivals are kept: a folder for settings, start weights, seed and bars.

        Never below the run's own folder, and the same for every repetition of the run.
        """
        facts = self.folder.read_run_json()
        seed, bars = int(self.settings["seed"]), str(facts["bars_fingerprint"])
        return (
            Path(output) / "learned" / f"{trained_as(self.settings, facts)}-{bars[:16]}-seed{seed}"
        )

    def afresh(self, paths: PathsConfig, trainer: TrainerConfig | None = None) -> DictConfig:
        """Return the run's settings for a training from new weights.

        Args:
            paths: of the judgement.
            trainer: its hardware; None: the run's own.
        """
        plain = OmegaConf.to_container(self.settings, resolve=True)
        settings = OmegaConf.merge(OmegaConf.structured(TrainConfig), plain)
        if not isinstance(settings, DictConfig):
            raise UserError("the stored configuration is not a mapping; train again")
        settings.paths = OmegaConf.structured(paths)
        if trainer is not None:
            settings.trainer = OmegaConf.structured(hardware_of(self.trainer, trainer))
        _update(settings, AFRESH)
        if settings.judge != "validation":  # a rival's own training opens no sealed bars
            settings.judge = "auto"
        return settings


def hardware_of(run: TrainerConfig, judged: TrainerConfig) -> TrainerConfig:
    """Return the hardware of a rival: the judgement's, with the precision of the run.

    The device decides how fast a rival learns, precision what it learns; float16 needs a GPU, so
    without one a rival has the judgement's precision.
    """
    impossible = run.precision == "16-mixed" and judged.accelerator != "gpu"
    return replace(judged, precision=judged.precision if impossible else run.precision)


def rival_settings(
    origin: Origin, paths: PathsConfig, trainer: TrainerConfig | None = None
) -> dict[str, DictConfig]:
    """Return the settings of every rival that trains as the run did, by name.

    Left out is what the run itself is: one agent, agents with critics of their own, no critic.
    Arguments as in :meth:`Origin.afresh`.
    """
    config = typed(origin.afresh(paths, trainer), TrainConfig)
    alone, sees = len(config.agent.active_names) == 1, config.algorithm.critic_sees
    changes = {
        "single_agent_ppo": None if alone else single_agent(config),
        "independent_ppo": None if alone or sees == "own" else _critic("own"),
        "ensemble_without_critic": None if sees == "none" else _critic("none"),
    }
    found = {}
    for name, change in changes.items():
        if change is not None:
            found[name] = origin.afresh(paths, trainer)
            _update(found[name], change)
    return found


def _critic(sees: str) -> dict[str, Any]:
    """Another critic; rewards of single members need a critic of the team's state."""
    members = {"reward.members": {}} if sees == "own" else {}
    return {"algorithm.critic_sees": sees, "network.critic.sees": sees, **members}


def single_agent(config: TrainConfig) -> dict[str, Any]:
    """Return what makes one agent of a team: it sees the union of inputs and acts by itself.

    Its three classes are short, flat and long, also where the team's are votes; logit modifiers
    and rewards of single members belong to members that are gone.
    """
    union = union_inputs_of(config)
    leak = config.data.leak
    changes: dict[str, Any] = {
        "agent.members": {
            SINGLE: MemberConfig(
                inputs=list(union.window), window_bars=union.window_bars, initial_weight=1.0
            )
        },
        "agent.context": list(union.context),
        "agent.active": None,
        "agent.pool_every": 0,
        "agent.ensemble_learn": "fixed",
        "agent.executor": "episode",
        "agent.decide_on": "every_bar",
        "agent.gate": "calibrated" if config.agent.voting else config.agent.gate,
        "agent.execute": "challenger" if config.agent.voting else config.agent.execute,
        "reward.members": {},
        "data.leak": leak if leak in LEAKED_TO_ALL else "all",
    }
    return changes


def union_inputs_of(config: TrainConfig) -> ObservationSpec:
    """Return what the active members see together of the market."""
    agent, context = config.agent, team_context(config.agent)
    members = [(name, agent.members[name]) for name in agent.active_names]
    return union_spec(
        [
            member_spec(name, member, config.network, context, agent.account)
            for name, member in members
        ]
    )


def _update(settings: DictConfig, changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        OmegaConf.update(settings, key, value, merge=False)
