"""docs/market.md: every number of its example, and its picture, come out of the environment."""

import importlib.util
import math
import re
from pathlib import Path

import pytest
import torch

from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig, RewardConfig
from grandmodel.envs.costs import unit_costs
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.orders import Ended, Orders, Outcome
from grandmodel.envs.reward import Reward
from grandmodel.envs.starts import SegmentStarts
from grandmodel.envs.step_facts import RewardScale
from grandmodel.features.tape import Tape
from grandmodel.market.instruments import Instrument
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.schema import TrainConfig

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "market.md").read_text()
SPEC = importlib.util.spec_from_file_location("draw", DOCS / "images" / "draw_market.py")
assert SPEC is not None
assert SPEC.loader is not None
draw = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(draw)

_, BARS, STEPS, SETTINGS = draw.tables(PAGE)
SIDES = {"long": 1, "short": -1}


def stated(pattern: str) -> float:
    """The one number that the text states with these words; a blank is any white space."""
    found = re.findall(pattern.replace(" ", r"\s+"), PAGE)
    assert len(found) == 1, (pattern, found)
    return float(re.sub(r"\s", "", found[0]))


CONTRACT = Instrument(
    name="example",
    tick=stated(r"; tick ([\d.]+),"),
    multiplier=stated(r"worth (\d+) dollars a point"),
    lot=1.0,
    commission=stated(r"commission ([\d.]+),"),
    half_spread_ticks=stated(r"half spread ([\d.]+) tick"),
    slippage_ticks=stated(r"slippage ([\d.]+) tick"),
    initial_margin=stated(r"initial margin (\d+) %") / 100,
    maintenance_margin=stated(r"maintenance (\d+) %") / 100,
    calendar="24/7",
)
SETTING = re.findall(r"`(env\.size=contracts [^`]+)`", PAGE)[0].split()
CAPITAL = stated(r"begins with ([\d ]+) dollars")
ATR = stated(r"ATR\(14\) is (\d+) points")


def tape() -> Tape:
    values = torch.tensor([[float(cell) for cell in row] for row in BARS], dtype=torch.float64)
    values = torch.cat([values, values[-1:]])  # a last row: the decision before it is forced flat
    count = len(values)
    zero = torch.zeros(count, dtype=torch.float64)
    none = torch.zeros(count, dtype=torch.int64)
    return Tape(
        columns=(),
        features=torch.zeros(count, 0),
        open_time_ns=torch.arange(count) * 1_800_000_000_000,
        open=values[:, 1],
        high=values[:, 2],
        low=values[:, 3],
        close=values[:, 4],
        trailing_sd=zero + 1e-3,
        atr14=zero + ATR,
        session=none,
        scheduled=none == 0,
        edge_ahead=none > 0,
        break_ahead_hours=zero,
        break_hours=zero,
        spread_multiplier=values[:, 5],
        path=none,
        minutes=30,
        instrument=CONTRACT,
        fingerprint="example",
    )


def environment(capital: float = CAPITAL) -> MarketEnv:
    config = typed(compose("train", [*SETTING, f"env.capital={capital}"]), TrainConfig).env
    scale = RewardScale(sd_floor=1e-4, ordinary_drawdown=0.02)
    starts = SegmentStarts([Segment(0, len(BARS) + 1)])
    reward = Reward(RewardConfig(), scale)
    return MarketEnv(tape(), config, reward, starts=starts, generator=torch.Generator())


def ordered(text: str) -> torch.Tensor | Orders:
    """What the text of an order sends."""
    target = torch.tensor([SIDES[text.split(":")[0].split(",")[0]]])
    if "own orders" not in text:
        return target
    given = draw.prices(text)

    def price(name: str) -> torch.Tensor:
        return torch.tensor([given.get(name, math.nan)], dtype=torch.float64)

    size = torch.tensor([0.5 if "half size" in text else 1.0], dtype=torch.float64)
    return Orders(target, size, price("limit"), price("stop"), price("target"))


def test_every_step_of_the_example() -> None:
    env, units, cash = environment(), 0.0, CAPITAL
    assert [int(row[0]) for row in STEPS] == list(range(1, len(BARS)))
    for bar, order, entry, ended, price, *figures in STEPS:
        result = env.step(ordered(order))
        account = env.state_dict()
        now = [float(account[f"account.{name}"]) for name in ("quantity", "cash")]
        assert int(env.bar) == int(bar)
        assert Outcome(int(result.outcome)).name == (entry or "NONE")
        assert Ended(int(result.ended)).name == (ended or "NONE")
        wanted = [float(figure) for figure in figures]
        assert [now[0], float(result.cost), now[1], float(result.equity)] == wanted
        traded = now[0] - units
        if price:
            spent = traded * float(price) * CONTRACT.multiplier + float(result.cost)
            assert cash - now[1] == pytest.approx(spent, abs=1e-9)
        else:
            assert traded == 0.0
        units, cash = now


def test_prices_of_plain_targets_are_those_of_the_settings() -> None:
    config = environment().config
    assert (config.stop_atr, config.target_atr) == (2.0, 3.0)
    plain = [row for row in STEPS if "limit" in row[1] and "own orders" not in row[1]]
    assert len(plain) == 2
    for row in plain:
        close = float(BARS[int(row[0]) - 1][4])
        wanted = {"limit": close, "stop": close - 2 * ATR, "target": close + 3 * ATR}
        assert draw.prices(row[1]) == wanted


def test_costs_of_a_contract() -> None:
    costs = unit_costs(tape())
    assert float(costs.maker[1]) == stated(r"maker ([\d.]+);")
    assert float(costs.market[1]) == stated(r"0\.0625\) x 5 = ([\d.]+);")
    assert float(costs.forced[4]) == stated(r"0\.25\) x 5 = ([\d.]+?)\.\n")


def test_the_sentences_below_the_table() -> None:
    units, unit, bars = 10, CONTRACT.multiplier, [[float(cell) for cell in row] for row in BARS]
    half = CONTRACT.half_spread_ticks * (CONTRACT.tick or 0.0)
    assert stated(r"needed ([\d.]+)\.\n") == bars[1][3] - (CONTRACT.tick or 0.0)
    assert f"5005 + {half:g}" in PAGE
    assert f"4978 - {half:g}" in PAGE
    assert 26_000 - 10 * 5 * 5004 - 6 == -224_206 == float(STEPS[1][7])
    share = 1.0 - CONTRACT.maintenance_margin
    assert stated(r"x 0\.92\) = ([\d.]+)\.\n") == round(224_206 / (units * unit * share), 2)
    assert stated(r"points or (\d+) dollars worse") == (4988 - bars[4][1]) * units * unit
    margin = units * unit * bars[5][1] * CONTRACT.initial_margin
    assert stated(r"x 10 % = ([\d ]+) dollars of margin") == margin
    assert margin > float(STEPS[4][8]) == stated(r"account has ([\d ]+\.50)\. Refused")
    paid = sum(float(row[6]) for row in STEPS)
    assert stated(r"before costs, ([\d.]+) of costs") == pytest.approx(paid)
    before = (4980 - 5004) * units * unit + (4978 - 4952) * units / 2 * unit
    assert stated(r"= (-\d+) dollars before costs") == before
    assert stated(r"= ([\d ]+\.8125) at the end") == CAPITAL + before - paid == float(STEPS[-1][8])


def test_the_refusal_hangs_on_the_gap() -> None:
    env = environment(CAPITAL + 400)  # what the gap cost beyond the stop
    outcomes = [int(env.step(ordered(row[1])).outcome) for row in STEPS[:5]]
    assert outcomes[-1] == Outcome.FILLED


def test_the_picture_is_that_of_the_tables() -> None:
    assert (DOCS / "images" / "market.svg").read_text() == draw.draw(PAGE)


def test_the_settings_exist() -> None:
    known = set(vars(EnvConfig()))
    for keys, values, _ in SETTINGS:
        for key in re.findall(r"`env\.(\w+)`", keys):
            assert key in known
            for value in values.split(", "):
                if value not in ("number", "null"):
                    EnvConfig(**{key: value})
