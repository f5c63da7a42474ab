import itertools

import numpy as np
import pytest

from grandmodel.core.checks import UserError
from grandmodel.features.synergy import (
    GapSignals,
    StrategicSignals,
    Synergies,
    SynergyDetector,
    no_synergies,
)

MINUTE_NS = 60 * 10**9
QUIET = StrategicSignals(50.0, 0.0, 0.0, 1.0)
M, N, F = "mlmi", "nwrqk", "fvg"


def detect(*signals, gates="shipped"):
    """Feed (minute, {kind: direction}) after the slope's sd is known; strengths are all 1/2."""
    detector = SynergyDetector(gates)
    found = []
    for bar in range(30):
        slope = 20.0 if bar % 2 else -20.0
        detector.update(-(40 - bar) * 30 * MINUTE_NS, QUIET._replace(nwrqk_slope=slope))
    for minute, kinds in signals:
        strategic, gaps = None, None
        if M in kinds or N in kinds:
            mlmi = kinds.get(M, 0)
            turn = kinds.get(N, 0)
            strategic = StrategicSignals(50.0 + 25.0 * mlmi, float(mlmi), float(turn), 5.0 * turn)
        if F in kinds:
            gaps = GapSignals(float(kinds[F]), 1.0, 1.0, 100.0)
        synergy = detector.update(minute * MINUTE_NS, strategic, gaps)
        if synergy:
            found.append((minute, synergy.type, synergy.direction, synergy.tied))
    return found


@pytest.mark.parametrize(
    ("order", "kind"), [((M, N, F), 1), ((M, F, N), 2), ((N, F, M), 3), ((N, M, F), 4)]
)
@pytest.mark.parametrize("direction", [-1, 1])
def test_four_orders(order, kind, direction):
    signals = [(10 * k, {name: direction}) for k, name in enumerate(order)]
    assert detect(*signals) == [(20, kind, direction, False)]


@pytest.mark.parametrize(("last", "found"), [(90, 1), (91, 0)])
def test_the_window_is_ninety_minutes_from_the_first(last, found):
    assert len(detect((0, {M: 1}), (30, {N: 1}), (last, {F: 1}))) == found


@pytest.mark.parametrize(("last", "found"), [(50, 1), (51, 0)])
def test_the_text_counts_ten_bars_of_five_minutes(last, found):
    assert len(detect((0, {M: 1}), (30, {N: 1}), (last, {F: 1}), gates="text")) == found


def test_a_late_signal_starts_a_new_sequence():
    assert detect((0, {M: 1}), (30, {N: 1}), (95, {M: 1}), (100, {N: 1}), (105, {F: 1})) == [
        (105, 1, 1, False)
    ]


def test_a_repeated_kind_replaces_its_time():
    # the second pulse makes the turn the first signal, and the window runs from there
    assert detect((0, {M: 1}), (30, {N: 1}), (60, {M: 1}), (120, {F: 1})) == [(120, 4, 1, False)]


def test_an_opposite_direction_clears_and_begins_anew():
    assert detect((0, {M: 1}), (10, {N: -1}), (20, {F: 1})) == []
    assert detect((0, {M: 1}), (5, {M: -1}), (10, {N: -1}), (20, {F: -1})) == [(20, 1, -1, False)]


def test_a_batch_that_disagrees_clears_and_keeps_nothing():
    assert detect((0, {M: 1}), (30, {N: 1, F: -1}), (40, {F: 1})) == []
    assert detect((0, {M: 1}), (30, {M: 1, F: -1}), (40, {N: 1}), (50, {F: 1})) == []


def test_cooldown_is_twenty_five_minutes_and_the_refused_triple_is_gone():
    first = [(0, {M: 1}), (5, {N: 1}), (10, {F: 1})]
    again = [(15, {M: 1}), (20, {N: 1})]
    assert [t for t, *_ in detect(*first, *again, (34, {F: 1}), (40, {F: 1}))] == [10]
    assert [t for t, *_ in detect(*first, *again, (35, {F: 1}))] == [10, 35]


@pytest.mark.parametrize(
    ("signals", "kind"),
    [
        ([(0, {M: 1, N: 1}), (5, {F: 1})], 1),
        ([(0, {M: 1}), (5, {N: 1, F: 1})], 1),
        ([(0, {N: 1}), (30, {M: 1, F: 1})], 3),
        ([(0, {N: 1, F: 1}), (5, {M: 1})], 3),
        ([(0, {M: 1, F: 1}), (5, {N: 1})], 2),
        ([(0, {M: 1, N: 1, F: 1})], 1),
    ],
)
def test_a_tie_takes_the_lowest_type_it_allows(signals, kind):
    assert detect(*signals) == [(signals[-1][0], kind, 1, True)]


def test_an_order_of_no_type_drops_its_first_signal():
    # gap first fits no type: it is dropped, and the next gap completes the two that stayed
    assert detect((0, {F: 1}), (10, {M: 1}), (20, {N: 1}), (30, {F: 1})) == [(30, 1, 1, False)]
    assert detect((0, {F: 1}), (20, {N: 1, M: 1}), (30, {F: 1})) == [(30, 1, 1, True)]


@pytest.mark.parametrize(
    ("field", "passing", "refused"),
    [
        ("mlmi_value", 55.0, 54.99),  # five points in the pulse's direction
        ("mlmi_value", 80.0, 20.0),  # and not against it
    ],
)
def test_pulse_gate(field, passing, refused):
    assert strength_of(StrategicSignals(passing, 1.0, 0.0, 1.0), None) > 0.0
    assert strength_of(StrategicSignals(refused, 1.0, 0.0, 1.0), None) == 0.0


def strength_of(strategic, gaps, gates="shipped"):
    """Return the sum of the strengths that pass the gates."""
    detector = SynergyDetector(gates)
    for bar in range(40):
        slope = 10.0 if bar % 2 else -10.0
        detector.update(bar * 30 * MINUTE_NS, QUIET._replace(nwrqk_slope=slope))
    detector.update(10**15, strategic, gaps)
    return float(detector._batch[:, 1].sum())


def test_gap_gate_and_strength():
    def gap(size, atr=4.0):
        return GapSignals(-1.0, size, atr, 100.0)

    assert strength_of(None, gap(1.0)) == 0.125
    assert strength_of(None, gap(0.99)) == 0.0
    assert strength_of(None, gap(100.0)) == 1.0
    assert strength_of(None, gap(1.0, atr=np.nan)) == 0.0
    assert strength_of(None, gap(1.0, atr=0.0)) == 0.0


def test_turn_gate_and_strength():
    # mean 10 at the first known slope, then EMA 0.01; the sd follows the house's rolling z
    mean, variance = 10.0, 0.0
    for bar in range(28, 40):
        step = (10.0 if bar % 2 else -10.0) - mean
        mean += 0.01 * step
        variance = 0.99 * (variance + 0.01 * step * step)

    def expected(slope):
        step = slope - mean
        return abs(slope) / np.sqrt(0.99 * (variance + 0.01 * step * step))

    assert strength_of(StrategicSignals(50.0, 0.0, 1.0, 3.0), None) == pytest.approx(expected(3.0))
    assert strength_of(StrategicSignals(50.0, 0.0, 1.0, 0.2), None) == 0.0
    assert strength_of(StrategicSignals(50.0, 0.0, 1.0, 90.0), None) == 1.0


def test_text_gates_are_other_gates():
    pulse = StrategicSignals(70.0, 1.0, 0.0, 1.0)
    assert strength_of(pulse, None) > 0.0
    assert strength_of(pulse, None, "text") == 0.0
    against = StrategicSignals(20.0, 1.0, 0.0, 1.0)
    assert strength_of(against, None) == 0.0
    assert strength_of(against, None, "text") > 0.0
    turn = StrategicSignals(50.0, 0.0, 1.0, 0.3)
    assert strength_of(turn, None, "text") > 0.0
    assert strength_of(turn._replace(nwrqk_slope=0.29), None, "text") == 0.0
    assert strength_of(turn._replace(nwrqk_slope=0.29), None) > 0.0
    wide = GapSignals(1.0, 0.1, 1.0, 100.0)
    assert strength_of(None, wide) == 0.0
    assert strength_of(None, wide, "text") > 0.0
    assert strength_of(None, wide._replace(mitigated_size=0.099), "text") == 0.0
    with pytest.raises(UserError, match=r"features\.synergy\.gates must be one of"):
        SynergyDetector("loose")


def random_market(seed, bars=3000):
    draw = np.random.default_rng(seed)
    strategic = StrategicSignals(
        draw.uniform(20, 80, bars), draw.choice([-1.0, 0, 0, 0, 1], bars),
        draw.choice([-1.0, 0, 0, 1], bars), draw.normal(0, 5, bars),
    )  # fmt: skip
    fine = bars * 6
    gaps = GapSignals(
        draw.choice([-1.0, 0, 0, 0, 0, 0, 1], fine), draw.uniform(0, 3, fine),
        np.ones(fine), np.full(fine, 100.0),
    )  # fmt: skip
    slow_close = (np.arange(bars) + 1) * 30 * MINUTE_NS
    return slow_close, strategic, (np.arange(fine) + 1) * 5 * MINUTE_NS, gaps


def naive_rule(batches):
    """The rules on a list of (time, {kind: (direction, strength)}), by enumeration of orders."""
    types = [(M, N, F), (M, F, N), (N, F, M), (N, M, F)]
    kept, side, last, found = {}, 0, None, []
    for now, batch in batches:
        sides = {direction for direction, _ in batch.values()}
        if len(sides) == 2:
            kept = {}
            continue
        (new_side,) = sides
        if kept and (new_side != side or now - min(t for t, _ in kept.values()) > 90):
            kept = {}
        side = new_side
        kept.update({kind: (now, strength) for kind, (_, strength) in batch.items()})
        if len(kept) < 3:
            continue
        orders = {
            order
            for order in itertools.permutations(kept)
            if all(kept[a][0] <= kept[b][0] for a, b in itertools.pairwise(order))
        }
        fits = [k for k, order in enumerate(types, 1) if order in orders]
        if not fits:
            del kept[min(kept, key=lambda kind: kept[kind][0])]
            continue
        if last is None or now - last >= 25:
            tied = len({t for t, _ in kept.values()}) < 3
            found.append((now, fits[0], side, sum(s for _, s in kept.values()) / 3, tied))
            last = now
        kept = {}
    return found


@pytest.mark.parametrize("seed", [0, 1])
def test_over_equals_the_rules_read_naively(seed):
    slow_close, strategic, fast_close, gaps = random_market(seed)
    mean = variance = 0.0
    batches = {}
    for t, (value, pulse, turn, slope) in enumerate(zip(*strategic, strict=True)):
        batch = batches.setdefault(int(slow_close[t]) // MINUTE_NS, {})
        if pulse * (value - 50) >= 5:
            batch[M] = (int(pulse), abs(value - 50) / 50)
        if t >= 27:
            mean = slope if t == 27 else mean
            step = slope - mean
            mean, variance = mean + 0.01 * step, 0.99 * (variance + 0.01 * step**2)
            if turn and abs(slope) >= 0.05 * variance**0.5:
                batch[N] = (int(turn), min(1.0, abs(slope) / variance**0.5) if variance else 0.0)
    for t in range(len(fast_close)):
        if gaps.mitigated_direction[t] and gaps.mitigated_size[t] >= 0.25:
            strength = min(1.0, gaps.mitigated_size[t] / 2)
            batch = batches.setdefault(int(fast_close[t]) // MINUTE_NS, {})
            batch[F] = (int(gaps.mitigated_direction[t]), strength)
    expected = naive_rule(sorted((now, batch) for now, batch in batches.items() if batch))
    found = SynergyDetector().over(slow_close, strategic, fast_close, gaps)
    assert len(expected) > 40
    assert len(found.counts()) == 4
    assert sum(found.counts().values()) == len(expected)
    for k, (now, kind, side, confidence, tied) in enumerate(expected):
        assert found.time_ns[k] == now * MINUTE_NS
        assert (found.type[k], found.direction[k], found.tied[k]) == (kind, side, tied)
        assert found.confidence[k] == pytest.approx(confidence, abs=1e-12)


def test_update_equals_over_bit_for_bit_and_no_future_matters():
    slow_close, strategic, fast_close, gaps = random_market(2, 800)
    batch = SynergyDetector().over(slow_close, strategic, fast_close, gaps)
    detector, found = SynergyDetector(), []
    for t, now in enumerate(fast_close):
        slow = t // 6 if t % 6 == 5 else None
        synergy = detector.update(
            int(now),
            None if slow is None else StrategicSignals(*(float(p[slow]) for p in strategic)),
            GapSignals(*(float(part[t]) for part in gaps)),
        )
        if synergy:
            found.append(synergy)
    columns = [getattr(batch, name).tolist() for name in Synergies.__dataclass_fields__]
    expected = [(*row, tuple(signals)) for *row, signals in zip(*columns, strict=True)]
    assert [tuple(synergy) for synergy in found] == expected
    order = np.sort(batch.signal_ns, axis=1)
    assert (order[:, 2] == batch.time_ns).all()
    assert (batch.time_ns - order[:, 0] <= 90 * MINUTE_NS).all()
    shipped = {1: (0, 1, 2), 2: (0, 2, 1), 3: (1, 2, 0), 4: (1, 0, 2)}
    for kind, signals in zip(batch.type.tolist(), batch.signal_ns.tolist(), strict=True):
        one, two, three = (signals[place] for place in shipped[kind])
        assert one <= two <= three
    cut = SynergyDetector().over(
        slow_close[:400], StrategicSignals(*(part[:400] for part in strategic)),
        fast_close[:2400], GapSignals(*(part[:2400] for part in gaps)),
    )  # fmt: skip
    np.testing.assert_array_equal(cut.time_ns, batch.time_ns[batch.time_ns <= slow_close[399]])


def test_context_shows_what_was_completed_since_the_decision_before():
    table = Synergies(
        np.array([5, 10, 11, 19, 45]), np.array([1, 2, 3, 4, 1]), np.array([1, -1, 1, -1, 1]),
        np.array([0.5, 0.6, 0.7, 0.8, 0.9]), np.zeros(5, bool), np.zeros((5, 3), int),
    )  # fmt: skip
    context = table.as_context(np.array([10, 20, 30, 40]))
    assert context["synergy_confidence"].tolist() == [0.6, 0.8, 0.0, 0.0]
    assert context["synergy_direction"].tolist() == [-1.0, -1.0, 0.0, 0.0]
    assert (no_synergies().as_context(np.array([10, 20]))["synergy_confidence"] == 0.0).all()
