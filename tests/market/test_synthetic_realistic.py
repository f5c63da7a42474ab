"""World `realistic`: the textured world with a weaker drift, which its filter can still trade."""

import numpy as np
import pytest

from grandmodel.core.checks import UserError
from grandmodel.evaluation.references.filters import FILTERS
from grandmodel.evaluation.references.rules import Hysteresis, hysteresis_positions
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset
from grandmodel.market.synthetic.law import BP, law_of
from grandmodel.market.synthetic.regimes import draw_textured_world
from grandmodel.market.synthetic.settings import RealisticConfig

BARS_PER_DAY, DAYS_PER_YEAR = 46, 252


def test_drift_is_its_own_and_everything_else_that_of_the_textured_world():
    config = SyntheticConfig(world="realistic", drift_bp=9.0)
    law, textured = law_of(config), law_of(SyntheticConfig(world="textured"))
    np.testing.assert_allclose(law.drift / BP, [0.57, -0.57, 0.0, 0.0])
    np.testing.assert_array_equal(law.sd, textured.sd)
    drawn = draw_textured_world(config, 5_000, "x")
    assert set(np.unique(drawn.truth.drift_next / BP).round(9)) <= {-0.57, 0.0, 0.57}
    assert drawn.prices.volume.std() > 0.3 * drawn.prices.volume.mean()
    assert drawn.truth.sd_factor.std() > 0.3


def test_filter_earns_about_one_and_a_half_and_buying_and_holding_does_not():
    config = SyntheticConfig(
        world="realistic", train_bars=700_000, validation_paths=1, validation_bars=700, test_paths=1
    )
    dataset = make_dataset(config)
    path, truth = dataset.paths[0], dataset.truth[0]
    signal = FILTERS["realistic"](path, truth)
    enter = float(np.quantile(np.abs(signal), 0.9))
    held = hysteresis_positions(signal, [Hysteresis(enter, 0.0)])[0][:-2].astype(float)
    opens = path.bars.open
    ahead = opens[2:] / opens[1:-1] - 1.0

    def sharpe(position):
        net = position * ahead - BP * np.abs(np.diff(position, prepend=0.0))
        days = net[: len(net) // BARS_PER_DAY * BARS_PER_DAY].reshape(-1, BARS_PER_DAY).sum(axis=1)
        return days.mean() / days.std() * np.sqrt(DAYS_PER_YEAR)

    assert 1.0 < sharpe(held) < 2.0
    assert abs(sharpe(np.ones_like(held))) < 0.5


def test_impossible_drift_is_refused():
    with pytest.raises(UserError, match=r"data\.realistic\.drift_bp"):
        RealisticConfig(drift_bp=-0.1)
