"""What agents are shown."""

import pytest
import torch
from env_worlds import doubles, random_tape

from grandmodel.core.checks import UserError
from grandmodel.core.types import ACCOUNT_BLOCK, ACCOUNT_VALUES, ObservationSpec
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.observation import MarketView, Standing, pooled_rows
from grandmodel.envs.state import AccountState

COLUMNS = ("momentum_20", "raw_volatility_30")
SPEC = ObservationSpec("a", COLUMNS, ("synergy_direction",), ("raw_volatility_30",))


def pool_window(window):
    """Mean over the bars, added one by one from the oldest on, then the last bar."""
    total = torch.zeros_like(window[:, 0])
    for bar in range(window.shape[1]):
        total += window[:, bar]
    return torch.cat([total / window.shape[1], window[:, -1]], dim=1)


def test_pooled_is_mean_then_last_row():
    tape = random_tape(120)
    view = MarketView(tape, SPEC)
    bar = torch.tensor([60, 47, 119])
    pooled = view.window(bar)
    for row, at in enumerate(bar.tolist()):
        window = torch.stack([tape.column(n)[at - 47 : at + 1] for n in COLUMNS], 1)
        assert torch.allclose(pooled[row, :2], window.double().mean(0).float(), atol=1e-6)
        assert torch.equal(pooled[row, 2:], window[-1])
        assert torch.equal(view.window(bar, "sequence")[row], window)
    assert torch.equal(view.context(bar)[:, 0], tape.column("synergy_direction")[bar])
    assert torch.equal(view.modifiers(bar)[:, 0], tape.column("raw_volatility_30")[bar])


def test_pooled_has_the_same_bits_wherever_the_bars_stand():
    values = torch.randn(400, 5, generator=torch.Generator().manual_seed(2)) * 3
    whole = pooled_rows(values, 48)
    for cut in (1, 13, 130):
        part = pooled_rows(values[cut:300], 48)
        assert torch.equal(part[47:], whole[cut + 47 : 300])
    windows = torch.stack([values[bar - 47 : bar + 1] for bar in range(47, 400)])
    assert torch.equal(pool_window(windows), whole[47:])
    assert torch.equal(pool_window(windows[5:6]), whole[52:53])


def test_a_view_refuses_what_it_does_not_know():
    tape = random_tape(60)
    with pytest.raises(KeyError, match="no column nonsense"):
        MarketView(tape, ObservationSpec("a", ("nonsense",), ()))
    with pytest.raises(ValueError, match="pooled or sequence"):
        MarketView(tape, SPEC).window(torch.tensor([50]), "other")


def standing(position, entry, atr14, held, drawdown, stop, target):
    none = torch.zeros(len(position), dtype=torch.float64)
    state = AccountState(
        cash=none,
        quantity=none,
        entry_value=doubles(entry),
        session_equity=none,
        equity=none,
        drawdown=doubles(drawdown),
        position=torch.tensor(position),
        bars_held=torch.tensor(held),
        stop=doubles(stop),
        take_profit=doubles(target),
    )
    return Standing(state, torch.full_like(none, 103.0), doubles(atr14), 96)


def test_account_block_by_hand():
    inf, held = float("inf"), [12, 480, 48, 0, 24]
    seen = standing(
        [1, -1, 1, 0, 1],
        [100.0] * 5,
        [2.0, 2.0, 0.0, 2.0, 2.0],
        held,
        [0.0, 0.01, 0.2, 0.025, 0.0],
        stop=[98.0, -104.0, 98.0, 98.0, -inf],  # value x side
        target=[106.0, -97.0, 106.0, 106.0, 203.0],
    )
    want = [[1, 1.5, 0.25, 0], [-1, -1.5, 4, 0.2], [1, 0, 1, 1], [0, 0, 0, 0.5], [1, 1.5, 0.5, 0]]
    assert torch.equal(seen.block(ACCOUNT_BLOCK), torch.tensor(want, dtype=torch.float32))
    want = [[0.125, 2.5, 1.5], [5, 0.5, 3], [0.5, 0, 0], [0, 0, 0], [0.25, 0, 10]]
    found = seen.block(["hold_share", "stop_distance_atr", "target_distance_atr"])
    assert torch.equal(found, torch.tensor(want, dtype=torch.float32))


def test_every_value_of_an_account_can_be_seen_alone():
    seen = standing([1], [100.0], [2.0], [12], [0.0], [98.0], [106.0])
    joined = seen.block(ACCOUNT_VALUES)
    for place, name in enumerate(ACCOUNT_VALUES):
        assert torch.equal(seen.block([name])[:, 0], joined[:, place])


@pytest.mark.parametrize("names", [["pnl"], ["position", "position"]])
def test_an_unknown_value_of_the_account_is_refused(names):
    with pytest.raises(UserError, match=r"env\.account"):
        EnvConfig(account=names)


def test_all_ways_to_read_a_window_are_zero_before_the_first_row():
    view = MarketView(random_tape(400), SPEC)
    bar = torch.tensor([9])
    values, last = view.window(bar, "stretch")
    windows = view.window(bar, "sequence")
    assert torch.equal(values[last[0] - SPEC.window_bars + 1 : last[0] + 1], windows[0])
    assert not windows[0, :-10].any()
    mean = view.window(bar)[:, : len(COLUMNS)]
    torch.testing.assert_close(windows.mean(dim=1), mean)


def test_a_stretch_holds_every_row_of_its_windows_once():
    view = MarketView(random_tape(400), SPEC)
    bar = torch.tensor([300, 120, 121, 299, 120])
    values, last = view.window(bar, "stretch")
    reach = SPEC.window_bars
    for row, place in zip(bar.tolist(), last.tolist(), strict=True):
        wanted = view.window(torch.arange(row - reach + 1, row + 1), "sequence")[:, -1]
        assert torch.equal(values[place - reach + 1 : place + 1], wanted)
    assert len(values) == 2 * (reach + 1)
