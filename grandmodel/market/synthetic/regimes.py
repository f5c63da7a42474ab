"""Worlds in which a hidden chain of regimes drifts: regimes, half_cost, textured, random_walk."""

from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.law import law_of
from grandmodel.market.synthetic.path import PricePath, draw_path
from grandmodel.market.synthetic.texture import Texture
from grandmodel.market.synthetic.world import Drawn, PathTruth, Prices


def draw_regime_world(config: SyntheticConfig, bars: int, name: str) -> Drawn:
    """Draw one path of regimes at constant volume; ``name`` names its random streams."""
    return _draw(config, bars, name, None)


def draw_textured_world(config: SyntheticConfig, bars: int, name: str) -> Drawn:
    """Draw one path of regimes with volatility clusters, the day's shape and volume."""
    return _draw(config, bars, name, Texture())


def _draw(config: SyntheticConfig, bars: int, name: str, texture: Texture | None) -> Drawn:
    law = law_of(config)
    path = draw_path(law, bars, config.seed, name, start_price=config.start_price, texture=texture)
    truth = PathTruth(path.drift_next, config.world, law, path.regime, path.sd_factor)
    return Drawn(_prices(path), truth)


def _prices(path: PricePath) -> Prices:
    return Prices(path.open, path.high, path.low, path.close, path.volume)
