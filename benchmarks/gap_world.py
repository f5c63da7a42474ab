"""What world gaps allows: its filter, and students on a few hand-made columns.

    python benchmarks/gap_world.py            200 000 five-minute bars to learn from
    python benchmarks/gap_world.py 20000      fewer

The students see the nearest gap's side, distance and age, how far price has come since its birth,
and whether a synergy came with it; half of them see no synergy. Net Sharpe ratios on 4 paths of
30 000 bars each, with 95 % intervals.
"""

import sys

import numpy as np
import torch

from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.measures.metrics import measure
from grandmodel.evaluation.references.tuned import (
    ReferenceDesk,
    filter_signal,
    next_return,
    student_signal,
)
from grandmodel.evaluation.statistics.intervals import sharpe_interval
from grandmodel.features.arrays import bar_arrays
from grandmodel.features.build import build_tape
from grandmodel.features.config import FeatureConfig
from grandmodel.features.gaps import Gaps
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset
from grandmodel.wiring.market import Stage

SEGMENTS = 64
OF_SYNERGIES = (1, 3)  # which columns tell of them


def columns_of(path, truth):
    """Return what anybody can see of the nearest gap, float32 [bar, column]."""
    hidden, close = truth.hidden, path.bars.close
    near = hidden["nearest"]
    active = near >= 0
    side = np.where(active, -np.append(hidden["direction"], 0)[near], 0.0)
    told = active & np.append(hidden["told"], False)[near]
    birth = np.where(active, np.append(hidden["birth"], 0)[near], 0)
    seen = Gaps(0.0).over(bar_arrays(path.bars))
    age = seen["fvg_age"]
    away = np.where(active, (seen["fvg_nearest_level"] / close - 1.0) / truth.law.sd, 0.0)
    come = np.where(active, side * np.log(close / close[birth]) / truth.law.sd, 0.0)
    pace = come / np.sqrt(age + 1.0)
    rows = [side, side * told, active, told, age / 10.0, away, come, pace, side * pace]
    return np.stack(rows, axis=1).astype(np.float32)


def main(train_bars):
    torch.set_num_threads(1)
    config = SyntheticConfig(
        world="gaps", train_bars=train_bars, validation_paths=1, validation_bars=1_000, test_paths=4
    )
    dataset = make_dataset(config)
    tape = build_tape(dataset, FeatureConfig())
    stage, market = Stage(dataset, tape), Market.of(tape)
    desk = ReferenceDesk(
        tape, stage.segments("train", SEGMENTS), stage.segments("test", SEGMENTS), EnvConfig()
    )

    def show(name, signal):
        run = desk.run(name, signal, desk.tune(signal))
        measured = measure(run.track, market, stage.sessions_per_year)
        interval = sharpe_interval(measured, draws=2_000, seed=0)
        turnover = measured.scalars["turnover"]
        print(
            f"{name:<34}{measured.scalars['sharpe']:7.2f}  "
            f"({interval.low:.2f} to {interval.high:.2f})  turnover {turnover:.3f}"
        )

    drift = np.concatenate([truth.drift_next for truth in dataset.truth])
    gaps, days = len(dataset.truth[0].hidden["birth"]), train_bars / 276
    print(f"{gaps / days:.0f} gaps a session, drift on {np.mean(drift != 0.0):.0%} of the bars")
    show("filter", filter_signal(dataset))
    pairs = zip(dataset.paths, dataset.truth, strict=True)
    inputs = torch.from_numpy(np.concatenate([columns_of(*pair) for pair in pairs]))
    blind = [index for index in range(inputs.shape[1]) if index not in OF_SYNERGIES]
    for seen, chosen in (("", list(range(inputs.shape[1]))), (", no synergies", blind)):
        for name, target in (("privileged", drift), ("return", next_return(tape))):
            signal = student_signal(
                lambda rows, chosen=chosen: inputs[rows][:, chosen],
                target,
                desk.training,
                desk.judged,
                seed=0,
            )
            show(f"{name} student{seen}", signal)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
