"""All planted worlds by name: `data.world` picks one, `evaluation.filters` knows its filter."""

from grandmodel.market.synthetic.flips import draw_flips
from grandmodel.market.synthetic.gaps import MINUTES as GAP_MINUTES
from grandmodel.market.synthetic.gaps import draw_gap_world
from grandmodel.market.synthetic.monte_carlo import (
    about_garch,
    about_gbm,
    about_jumps,
    draw_garch,
    draw_gbm,
    draw_jumps,
)
from grandmodel.market.synthetic.nodes import draw_nodes
from grandmodel.market.synthetic.regimes import draw_regime_world, draw_textured_world
from grandmodel.market.synthetic.synergies import draw_synergy_world
from grandmodel.market.synthetic.world import World

WORLDS: dict[str, World] = {
    "regimes": World(draw_regime_world),
    "half_cost": World(draw_regime_world),
    "textured": World(draw_textured_world),
    "random_walk": World(draw_regime_world),
    "gbm": World(draw_gbm, about=about_gbm),
    "garch": World(draw_garch, about=about_garch),
    "jumps": World(draw_jumps, about=about_jumps),
    "synergies": World(draw_synergy_world, watches=True),
    "gaps": World(draw_gap_world, minutes=GAP_MINUTES),
    "realistic": World(draw_textured_world),
    "flips": World(draw_flips),
    "nodes": World(draw_nodes),
}
