"""Synergies are counted once each, also where a clock shows them for some bars."""

import torch

from grandmodel.features.evidence import count_synergies, without_synergies
from grandmodel.features.tape import Tape
from grandmodel.market.instruments import Instrument
from grandmodel.market.splits import Span


def tape_of(direction, age):
    count = len(direction)
    blank = torch.zeros(count, dtype=torch.float64)
    columns = {"synergy_direction": direction, "synergy_age": age, "synergy_type_2": direction}
    columns["weekday"] = torch.ones(count)
    path = torch.tensor([0] * (count // 2) + [1] * (count - count // 2))
    names = ("open", "high", "low", "close", "trailing_sd", "atr14", "break_ahead_hours",
             "break_hours", "spread_multiplier")  # fmt: skip
    whole = torch.arange(count)
    return Tape(
        columns=tuple(columns), features=torch.stack([*columns.values()], 1).float(),
        open_time_ns=whole, session=whole, scheduled=whole == whole, edge_ahead=whole < 0,
        path=path, minutes=5, instrument=Instrument(name="made"), fingerprint="",
        **dict.fromkeys(names, blank),
    )  # fmt: skip


def test_a_synergy_shown_for_half_an_hour_counts_once():
    held = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    age = torch.tensor([*held, 0.0, *held[:3], 0.3, 0.4, *held, *held[:2]])
    direction = torch.tensor([1.0] * 6 + [0.0] + [1.0] * 5 + [-1.0] * 8)
    tape = tape_of(direction, age)  # the second path begins at row 10, in the middle of a synergy
    assert count_synergies(tape, [Span(0, 0, 10)]) == 2
    assert count_synergies(tape, [Span(1, 0, 10)]) == 3
    assert count_synergies(tape, [Span(0, 1, 10)]) == 1


def test_a_silent_tape_shows_no_part_of_them():
    tape = tape_of(torch.ones(8), torch.linspace(0.0, 0.5, 8))
    silent = without_synergies(tape)
    for name in ("synergy_direction", "synergy_age", "synergy_type_2"):
        assert not silent.column(name).any()
    assert torch.equal(silent.column("weekday"), tape.column("weekday"))
