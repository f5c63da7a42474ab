"""What a team is compared with: baselines on any bars, references on planted ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grandmodel.evaluation.accounts.track import Track
from grandmodel.evaluation.measures.metrics import Measured, number
from grandmodel.evaluation.references.filters import FILTERS
from grandmodel.evaluation.references.tuned import Reference, compute_references, optimum
from grandmodel.evaluation.rivals import baselines
from grandmodel.evaluation.rivals.vol_target import vol_target
from grandmodel.evaluation.statistics.intervals import Difference
from grandmodel.wiring.learned.rivals import LearnedRival
from grandmodel.wiring.market import Stage
from grandmodel.wiring.occasion import Occasion, Subject
from grandmodel.wiring.schema import TrainConfig


@dataclass(frozen=True)
class Rivals:
    """What the team is compared with."""

    baselines: dict[str, Measured]
    settings: Mapping[str, Mapping[str, Any]]
    random_p: float | None
    references: dict[str, Reference]

    def record(
        self, differences: Mapping[str, Difference], figures: Callable[[Measured], dict[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        """Return what `metrics.json` says of each baseline."""
        return {
            name: {
                **figures(found),
                **self.settings[name],
                "sharpe_difference": differences[name].value,
                "sharpe_difference_ci_low": number(differences[name].low),
                "sharpe_difference_ci_high": number(differences[name].high),
            }
            for name, found in self.baselines.items()
        }


def find_rivals(
    config: TrainConfig,
    stage: Stage,
    subject: Subject,
    occasion: Occasion,
    own: Measured,
    measure: Callable[[Track], Measured],
    learned: Sequence[LearnedRival] = (),
) -> Rivals:
    """Trade every baseline and reference on the bars that the team was judged on.

    Args:
        config: money, sizes, how many random traders.
        stage: the bars.
        subject: the team, for the volatility floor and its inputs.
        occasion: where it was judged.
        own: what it did; random trades take its habits.
        measure: from an account to its figures.
        learned: rivals that were trained, with their accounts there.
    """
    tape, env, segments = stage.tape, config.env, occasion.segments
    floor = subject.sd_floor
    tracks = {
        "flat": baselines.flat(tape, segments, env, sd_floor=floor),
        "long_only": baselines.long_only(tape, segments, env, sd_floor=floor),
        "ma_cross": baselines.ma_cross(
            tape, occasion.tuned_on, segments, env, pair=occasion.ma_pair, sd_floor=floor
        ),
        "vol_target": vol_target(tape, segments, env),
    }
    measured = {name: measure(found.track) for name, found in tracks.items()}
    settings: dict[str, Mapping[str, Any]] = {name: found.setting for name, found in tracks.items()}
    random_p = None
    if len(own.trips):
        drawn = baselines.random_trades(
            tape,
            own.track,
            own.scalars["sharpe"] or 0.0,
            env,
            seed=config.evaluation.seed,
            draws=config.evaluation.random_draws,
            sd_floor=floor,
        )
        measured["random"] = measure(drawn.median)
        random_p = drawn.p_value
        settings["random"] = {"draws": len(drawn.sharpe), "p_value": random_p}
    measured |= {rival.name: measure(rival.track) for rival in learned}
    settings |= {rival.name: rival.setting for rival in learned}
    return Rivals(measured, settings, random_p, _references(config, stage, subject, occasion))


def _references(
    config: TrainConfig, stage: Stage, subject: Subject, occasion: Occasion
) -> dict[str, Reference]:
    if not (occasion.references and config.evaluation.references):
        return {}
    tape, env, dataset = stage.tape, config.env, stage.dataset
    segments, floor = occasion.segments, subject.sd_floor
    if config.data.leak != "none":
        return {"optimum": optimum(tape, segments, env, sd_floor=floor)}
    if dataset.truth is None or config.data.world not in FILTERS:
        return {}
    count = config.evaluation.segments_for(dataset.synthetic)
    union = subject.team.critic.spec
    training = stage.segments("train", count)
    return compute_references(dataset, tape, union, training, segments, env, sd_floor=floor)
