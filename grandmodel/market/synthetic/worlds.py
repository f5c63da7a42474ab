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
    "regimes": World(
        draw_regime_world,
        about="four hidden regimes: drift up, drift down, sideways, volatile",
    ),
    "half_cost": World(
        draw_regime_world,
        about="the regimes with a drift of half the costs: the right answer is flat",
    ),
    "textured": World(
        draw_textured_world,
        about="the regimes with volatility clusters, the shape of the day and volume",
    ),
    "random_walk": World(
        draw_regime_world,
        minutes=None,
        about="normal moves without drift: nothing to learn",
    ),
    "gbm": World(draw_gbm, minutes=None, about=about_gbm),
    "garch": World(draw_garch, minutes=None, about=about_garch),
    "jumps": World(draw_jumps, minutes=None, about=about_jumps),
    "synergies": World(
        draw_synergy_world,
        watches=True,
        about="drift only after synergies",
    ),
    "gaps": World(
        draw_gap_world,
        minutes=GAP_MINUTES,
        about="five-minute bars whose price some gaps draw and others do not; synergies tell which",
    ),
    "realistic": World(
        draw_textured_world,
        about="the textured world with so little drift that a filter makes a Sharpe of 1.5",
    ),
    "flips": World(
        draw_flips,
        about="momentum goes on in one hidden regime, turns back in the other; volume tells which",
    ),
    "nodes": World(
        draw_nodes,
        about="hidden levels at which little is traded push the price off",
    ),
}
