"""The scaled columns of the matrix spread well on the training bars of the planted markets."""

import pandas as pd
import pytest

from grandmodel.evaluation.report.feature_frames import Columns, spread_table
from grandmodel.features.arrays import path_arrays
from grandmodel.features.matrix import MATRIX_30, compute
from grandmodel.market.calendar import session_table
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.market import build_dataset
from grandmodel.wiring.schema import TrainConfig

SIZES = (
    "data.train_bars=20000",
    "data.validation_bars=2000",
    "data.test_bars=2000",
    "data.validation_paths=1",
    "data.test_paths=1",
)
PULSES = ("mlmi_signal",)  # 0 on nearly every bar by their nature


@pytest.mark.parametrize("world", ["synthetic", "textured"])
def test_no_scaled_column_is_flat_clipped_or_constant(world: str) -> None:
    config = typed(compose("train", [f"data={world}", *SIZES]), TrainConfig)
    path = build_dataset(config, max_hold_bars=96, episode_bars=256).paths[0]
    arrays = path_arrays(path, session_table(path.bars))
    (found,) = compute([arrays], config.features)
    frame = pd.DataFrame({f"scaled_{name}": values for name, values in found.scaled.items()})
    spread = spread_table(Columns(30, MATRIX_30, frame)).set_index("column")
    assert len(spread) == 13
    assert spread["sd"].between(0.2, 1.2).all()
    assert (spread["clipped"] < 0.05).all()
    assert (spread["most_frequent"].drop([*PULSES]) < 0.70).all()
    assert set(spread["test"]) == {"pass", "pulse"}
