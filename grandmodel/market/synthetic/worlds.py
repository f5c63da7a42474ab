"""All planted worlds by name: `data.world` picks one, `evaluation.filters` knows its filter."""

from grandmodel.market.synthetic.regimes import draw_regime_world, draw_textured_world
from grandmodel.market.synthetic.world import World

WORLDS: dict[str, World] = {
    "regimes": World(draw_regime_world),
    "half_cost": World(draw_regime_world),
    "textured": World(draw_textured_world),
    "random_walk": World(draw_regime_world),
}
