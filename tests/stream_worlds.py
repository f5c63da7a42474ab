"""What hypothesis draws: instruments, settings and orders of every kind that is on offer."""

from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from order_streams import ORDER_FIELDS, TAPE_FIELDS, World

SIZES = ("notional", "contracts", "vol_target")
SLIPPAGES = ("fixed", "volatility", "volume_share")


def by_streams(examples):
    """Settings of a test over many random streams: the first that differs is told as it is."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        report_multiple_bugs=False,
        phases=[Phase.generate],  # the first stream that differs is small enough
        suppress_health_check=list(HealthCheck),
    )


GRIDS = ("0.25", "0.01", "0.00001", "5", "0.1")


@st.composite
def facts(draw: st.DrawFn, grid: str) -> dict[str, Any]:
    """Facts of an instrument whose prices lie on the grid; every cost may be absent."""
    tick = draw(st.sampled_from([float(grid), float(grid), None]))
    price = 4000 * float(grid)

    def cost(*figures: float) -> float:
        return draw(st.sampled_from([0.0, *figures]))

    told: dict[str, Any] = {
        "tick": tick,
        "multiplier": draw(st.sampled_from([1.0, 50.0, 0.1, 7.0])),
        "lot": draw(st.sampled_from([1.0, 0.1, 1e-3])),
        "commission": cost(2.25, 0.0035) * price / 1000,
        "fee_bps": cost(0.3, 10.0),
        "maker_fee_bps": draw(st.sampled_from([None, 0.0, 2.0])),
        "half_spread_ticks": cost(0.5, 1.0) if tick else 0.0,
        "half_spread_bps": cost(0.5, 2.0),
        "slippage_ticks": cost(0.25, 2.0) if tick else 0.0,
        "slippage_bps": cost(0.5, 3.0),
        "long_only": draw(st.sampled_from([False, False, False, True])),
        "initial_margin": draw(st.sampled_from([0.1, 0.05, 0.5])),
        "maintenance_margin": draw(st.sampled_from([0.037, 0.011])),  # no ties
    }
    if draw(st.booleans()):  # a change of costs in the middle of the tape
        later = {"valid_from": "1970-01-14", "fee_bps": 0.7, "half_spread_bps": 0.9}
        last = {"valid_from": "1970-01-20", "slippage_bps": 1.1, "maker_fee_bps": 0.2}
        told["costs"] = (later, draw(st.sampled_from([last, last | {"maker_fee_bps": None}])))
    return told


@st.composite
def settings_of(draw: st.DrawFn, **given: Any) -> dict[str, Any]:
    """Keys of EnvConfig; the given ones are fixed."""
    told: dict[str, Any] = {
        "edge": draw(st.sampled_from(["carry", "flat"])),
        "entry": draw(st.sampled_from(["market", "limit"])),
        "stop_atr": draw(st.sampled_from([None, 0.5, 1.5])),
        "target_atr": draw(st.sampled_from([None, 1.0, 3.0])),
        "fill": draw(st.sampled_from(["next_open", "next_open", "next_open+1m"])),
        "lots": draw(st.sampled_from(["free", "whole"])),
        "max_hold_bars": draw(st.sampled_from([2, 9, 96])),
        "impact": draw(st.sampled_from([0.1, 1.0])),
        "volume_limit": draw(st.sampled_from([0.025, 0.3, 1.0])),
        "vol_target": draw(st.sampled_from([0.1, 1.0])),
    }
    return told | given


# Market orders alone and nothing that happens inside a bar: environments have a shorter way there.
BARE: dict[str, Any] = {"entry": "market", "stop_atr": None, "target_atr": None, "lots": "free"}
BARE |= {"fill": "next_open", "orders": ("targets",), "without": TAPE_FIELDS}


@st.composite
def worlds(
    draw: st.DrawFn,
    *,
    streams: int = 60,
    bars: int = 24,
    orders: tuple[str, ...] = ("own", "own", "targets", "mixed"),
    without: tuple[str, ...] | None = None,
    **given: Any,
) -> World:
    """A world for a batch of streams.

    `given` fixes keys of EnvConfig, `orders` says which kinds there are, and `without` what the
    tape and the orders lack.
    """
    grid = draw(st.sampled_from(GRIDS))
    if without is None:
        fields = TAPE_FIELDS + ORDER_FIELDS
        without = tuple(name for name in fields if draw(st.integers(0, 3)) == 3)
    return World(
        seed=draw(st.integers(0, 2**32 - 1)),
        facts=draw(facts(grid)),
        settings=draw(settings_of(**given)),
        grid=grid,
        sd=draw(st.sampled_from([2.0, 20.0, 80.0, 300.0])),
        leverage=draw(st.sampled_from([0.5, 3.0, 9.0, 19.0])),
        orders=draw(st.sampled_from(orders)),
        without=without,
        cost_scale=draw(st.sampled_from([1.0, 1.0, 2.0, 0.0])),
        streams=streams,
        bars=bars,
    )
