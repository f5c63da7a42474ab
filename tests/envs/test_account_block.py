"""What observations tell of the account, against the decimal account."""

import pytest
import torch
from decimal_account import DecimalAccount
from decimal_rows import decimal, rows_of, rules_of
from env_worlds import SCALE, segment_env
from order_streams import World, drawn

from grandmodel.envs.config import EnvConfig
from grandmodel.envs.orders import Orders


def account_block(account: DecimalAccount, equities: list, episode_bars: int) -> list[float]:
    """Position, profit in ATR, holding time and drawdown of the account as it stands."""
    row, position = account.rows[account.bar], account.position
    profit = position * (row.close - account.entry) / row.atr if row.atr > 0 else 0
    drawdown = 1 - account.equity / max(equities[-(episode_bars + 1) :])
    held = min(4, decimal(account.bars_held) / 48)
    return [float(figure) for figure in (position, profit, held, min(1, 20 * drawdown))]


@pytest.mark.parametrize("orders", ["own", "targets"])
@pytest.mark.parametrize(("size", "edge"), [("notional", "flat"), ("contracts", "carry")])
def test_the_account_block_is_what_the_account_says(orders, size, edge):
    facts = {"tick": 0.25, "multiplier": 2.0, "commission": 1.5, "half_spread_ticks": 0.5}
    chosen = {"size": size, "edge": edge, "stop_atr": 1.5, "max_hold_bars": 60}
    world = World(5, facts, chosen, leverage=4.0, orders=orders, streams=12, bars=110)
    tape, streams = drawn(world)
    config = EnvConfig(**world.config())
    assert config.episode_bars < world.bars / 2  # old peaks are forgotten
    rows, rules = rows_of(tape), rules_of(tape, config, SCALE.sd_floor)
    accounts = [DecimalAccount(rows, rules, part.start, part.stop) for part in world.segments]
    equities = [[rules.capital] for _ in accounts]
    env, compared = segment_env(tape, world.segments, **world.config()), 0
    sent = streams.orders()
    for step in range(world.bars - 1):
        columns = streams.column(step)
        result = env.step(Orders(**columns) if orders == "own" else columns["target"])
        for k, account in enumerate(accounts):
            if account.over:
                continue
            order = sent[k][step]
            equities[k].append(account.step(order if orders == "own" else order.target).equity)
            if account.equity > 0:
                want = account_block(account, equities[k], config.episode_bars)
                assert result.final.account[k].tolist() == pytest.approx(want, abs=1e-4)
                compared += want[0] != 0
    assert compared > 100
    assert torch.all(env._account.state.position == 0)
