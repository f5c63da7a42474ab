"""References of planted markets: the filter, hysteresis, students, the best rule, the optimum."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from grandmodel.core.types import ObservationSpec, Segment
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.scripted import run_positions
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.measures.metrics import measure
from grandmodel.evaluation.references.filter import filtered_drift
from grandmodel.evaluation.references.rules import (
    ENTER_QUANTILES,
    EXIT_FRACTIONS,
    Hysteresis,
    describe_grid,
    hysteresis_grid,
    hysteresis_positions,
    ma_difference,
    moving_average,
    simple_rules,
)
from grandmodel.evaluation.references.students import StudentConfig, predict, train_student
from grandmodel.evaluation.references.tuned import (
    ReferenceDesk,
    compute_references,
    filter_signal,
    next_return,
    optimum,
    union_inputs,
)
from grandmodel.features.build import SESSIONS
from grandmodel.features.tape import Tape
from grandmodel.market.calendar import session_table
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset, trailing_sd
from grandmodel.market.synthetic.law import law_of
from grandmodel.market.synthetic.path import draw_path

RULE_COLUMNS = (
    "mlmi_value",
    "nwrqk_value",
    "nwrqk_slope",
    "momentum_20",
    "momentum_50",
    "volume_profile_skew",
)
UNION = ObservationSpec("union", RULE_COLUMNS, ("hour",), window_bars=4)
TINY = StudentConfig(hidden=(16,), epochs=2, batch=512)


@pytest.fixture(autouse=True)
def one_thread():
    """Small batches are slower on several threads, much slower on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def planted(leak="none", sd_bp=4.0):
    """A small planted market with clear trends and columns that show a noisy truth."""
    config = SyntheticConfig(
        train_bars=24_000,
        validation_bars=1_000,
        test_paths=2,
        test_bars=12_000,
        sd_bp=sd_bp,
        leak=leak,
    )
    dataset = make_dataset(config)
    rng = np.random.default_rng(0)
    tables = [session_table(path.bars) for path in dataset.paths]
    ends = np.cumsum([0] + [int(table.session[-1]) + 1 for table in tables])
    sessions = np.concatenate([t.session + ends[k] for k, t in enumerate(tables)])
    drift = np.concatenate([truth.drift_next for truth in dataset.truth])
    noisy = np.sign(drift)[:, None] + rng.normal(0, 1.5, (len(drift), len(RULE_COLUMNS)))
    columns = np.concatenate([noisy, rng.normal(0, 1, (len(drift), 1))], axis=1)

    def joined(name, source):
        return torch.from_numpy(np.concatenate([getattr(part, name) for part in source]))

    bars = [path.bars for path in dataset.paths]
    sd = torch.from_numpy(np.concatenate([trailing_sd(part.close, 0.06) for part in bars]))
    tape = Tape(
        columns=(*RULE_COLUMNS, "hour"),
        features=torch.tensor(columns, dtype=torch.float32),
        **{k: joined(k, bars) for k in ("open_time_ns", "open", "high", "low", "close")},
        trailing_sd=sd,
        atr14=sd,
        session=torch.from_numpy(sessions),
        **{k: joined(k, tables) for k in SESSIONS},
        path=torch.from_numpy(np.repeat(np.arange(len(bars)), [len(part) for part in bars])),
        minutes=30,
        instrument=dataset.instrument,
        fingerprint=dataset.fingerprint,
    )
    offsets = np.cumsum([0] + [len(part) for part in bars])
    segments = {
        split: [
            Segment(int(offsets[s.path]) + s.start, int(offsets[s.path]) + s.stop, path=s.path)
            for s in spans
        ]
        for split, spans in dataset.splits.items()
    }
    return dataset, tape, segments


def test_filter_equals_bayes_written_out():
    law = law_of(SyntheticConfig())
    path = draw_path(law, 300, 0, "x", start_price=100.0)
    belief, expected = np.full(4, 0.25), []
    for value in np.log(path.close / path.open):
        density = np.exp(-0.5 * ((value - law.log_mean) / law.sd) ** 2) / law.sd
        belief = belief * density / (belief * density).sum()
        belief = belief @ law.transition
        expected.append(belief @ law.drift)
    found = filtered_drift(path.open, path.close, law)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_filter_sees_no_future_and_follows_the_truth():
    law = law_of(SyntheticConfig())
    path = draw_path(law, 40_000, 0, "x", start_price=100.0)
    found = filtered_drift(path.open, path.close, law)
    assert np.corrcoef(found, path.drift_next)[0, 1] > 0.6
    changed = path.close.copy()
    changed[20_000:] *= 1.01
    other = filtered_drift(path.open, changed, law)
    np.testing.assert_array_equal(found[:20_000], other[:20_000])
    assert found[20_000] != other[20_000]


def test_filter_with_a_known_factor_is_the_filter_of_the_scaled_law():
    law = law_of(SyntheticConfig())
    path = draw_path(law, 500, 0, "x", start_price=100.0)
    wide = replace(law, sd=2.0 * law.sd)
    np.testing.assert_allclose(
        filtered_drift(path.open, path.close, law, np.full(500, 2.0)),
        filtered_drift(path.open, path.close, wide),
        atol=1e-15,
    )


def test_hysteresis_by_hand():
    signal = np.array([0.5, 1.5, 0.6, 0.4, 0.9, -1.1, -0.6, 2.0, -0.4, 0.0])
    rules = [Hysteresis(1.0, 0.5), Hysteresis(1.0, 0.5, sign=-1), Hysteresis(1.0, -1.0)]
    positions = hysteresis_positions(signal, rules)
    assert positions[0].tolist() == [0, 1, 1, 0, 0, -1, -1, 1, 0, 0]
    assert positions[1].tolist() == [0, -1, -1, 0, 0, 1, 1, -1, 0, 0]
    assert positions[2].tolist() == [0, 1, 1, 1, 1, -1, -1, 1, 1, 1]


def test_a_market_without_an_edge_is_left_alone():
    law = law_of(SyntheticConfig(world="random_walk"))
    _, tape, segments = planted()
    desk = ReferenceDesk(tape, segments["train"], segments["test"], EnvConfig())
    noise = np.random.default_rng(0).normal(size=len(tape))
    tuned = desk.tune(noise)
    assert tuned.sharpe == 0.0
    assert tuned.rule.enter == np.abs(desk.training.at_rows(noise)).max()
    path = draw_path(law, 100, 0, "x", start_price=100.0)
    assert not filtered_drift(path.open, path.close, law).any()


def test_references_refuse_a_market_whose_truth_is_not_known():
    dataset, tape, segments = planted()
    with pytest.raises(ValueError, match="truth"):
        compute_references(
            replace(dataset, truth=None),
            tape,
            UNION,
            segments["train"],
            segments["test"],
            EnvConfig(),
        )


def test_grid_is_the_printed_one():
    signal = np.arange(-500, 501) / 500.0
    grid = hysteresis_grid(signal, both_signs=True)
    assert len(grid) <= 2 * len(ENTER_QUANTILES) * len(EXIT_FRACTIONS)
    assert {rule.sign for rule in grid} == {1, -1}
    assert all(abs(rule.exit) <= rule.enter for rule in grid)
    for quantile in ENTER_QUANTILES:
        assert f"{quantile:g}" in describe_grid()
    assert {rule.sign for rule in hysteresis_grid(signal, both_signs=False)} == {1}


def test_moving_average_is_the_mean_of_the_last_bars():
    values = np.random.default_rng(0).normal(1e6, 1.0, 9_000)
    found = moving_average(values, 7)
    for t in (0, 3, 6, 7, 4_095, 4_096, 8_999):
        assert found[t] == pytest.approx(values[max(0, t - 6) : t + 1].mean(), rel=1e-13)


def test_eight_rules_and_averages_that_begin_with_their_path():
    _, tape, segments = planted()
    signals = simple_rules(tape)
    assert len(signals) == 8
    start = segments["test"][0].start - 600
    assert ma_difference(tape, 10, 50)[start] == 0.0


def test_five_minute_tapes_have_rules_of_their_own():
    _, tape, _ = planted()
    names = ("fvg_nearest_level", "price_momentum_5", "synergy_direction")
    tactical = replace(tape, columns=names, features=tape.features[:, : len(names)])
    assert set(simple_rules(tactical)) == {*names, "ma_10_50", "ma_50_200"}


def test_training_signal_alone_decides_the_thresholds():
    dataset, tape, segments = planted()
    desk = ReferenceDesk(tape, segments["train"], segments["test"], EnvConfig())
    signal = filter_signal(dataset)
    tuned = desk.tune(signal)
    changed = signal.copy()
    changed[segments["train"][0].stop :] *= -1.0
    assert desk.tune(changed) == tuned
    there = desk.training.at_rows(signal)
    again = desk.training.sharpe(hysteresis_positions(there, [tuned.rule]))
    assert tuned.sharpe == pytest.approx(float(again[0]))
    assert tuned.sharpe >= float(desk.training.sharpe(np.zeros((1, len(there)), np.int8))[0])


def test_student_learns_a_curve_and_repeats_itself():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(20_000, 3, generator=generator)
    target = (inputs[:, 0] * inputs[:, 1]).double() * 1e-4
    rows = torch.arange(16_000)

    def inputs_of(rows):
        return inputs[rows]

    config = StudentConfig(hidden=(32,), epochs=5, batch=128, learning_rate=3e-3)
    torch.manual_seed(7)
    state = torch.get_rng_state()
    student = train_student(inputs_of, rows, target[rows], 0, config)
    assert torch.equal(state, torch.get_rng_state())
    fresh = torch.arange(16_000, 20_000)
    found = predict(student, inputs_of, fresh)
    assert np.corrcoef(found, target[fresh].numpy())[0, 1] > 0.9
    short = StudentConfig(hidden=(8,), epochs=1, batch=256)
    first, again, other = (
        predict(train_student(inputs_of, rows, target[rows], seed, short), inputs_of, fresh)
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_student_is_not_moved_by_the_scale_of_inputs_or_target():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(4_000, 2, generator=generator)
    target = inputs[:, 0].double()
    rows = torch.arange(4_000)
    config = StudentConfig(hidden=(16,), epochs=3, batch=256)
    scaled = inputs * torch.tensor([1e-3, 1e3]) + torch.tensor([5.0, 0.0])
    found = []
    for own, goal in ((inputs, target), (scaled, target * 1e-5)):
        student = train_student(own.__getitem__, rows, goal, 0, config)
        found.append(predict(student, own.__getitem__, rows))
    plain, moved = found
    assert np.corrcoef(plain, moved)[0, 1] > 0.999


def test_union_inputs_are_the_pooled_window_and_the_context():
    _, tape, _ = planted()
    rows = torch.tensor([10, 700])
    found = union_inputs(tape, UNION)(rows)
    assert found.shape == (2, 2 * len(RULE_COLUMNS) + 1)
    window = tape.features[7:11, : len(RULE_COLUMNS)]
    torch.testing.assert_close(found[0, : len(RULE_COLUMNS)], window.mean(dim=0))
    torch.testing.assert_close(found[0, len(RULE_COLUMNS) : -1], window[-1])
    assert found[1, -1] == tape.column("hour")[700]


def test_next_return_is_that_of_the_bar_after():
    _, tape, _ = planted()
    ahead = next_return(tape)
    gain = float(tape.close[6] / tape.open[6]) - 1
    assert ahead[5] == pytest.approx(gain / float(tape.trailing_sd[5]))
    assert ahead[-1] == 0.0
    assert (ahead[tape.trailing_sd.numpy() == 0.0] == 0.0).all()


def test_references_stand_in_their_order():
    dataset, tape, segments = planted()
    found = compute_references(
        dataset, tape, UNION, segments["train"], segments["test"], EnvConfig(), student=TINY
    )
    assert set(found) == {"filter", "privileged_student", "return_student", "best_rule"}
    market = Market.of(tape)
    sharpe = {
        name: measure(item.track, market, 252.0).scalars["sharpe"] for name, item in found.items()
    }
    assert sharpe["filter"] > 5.0
    assert sharpe["privileged_student"] > 0.5 * sharpe["filter"]
    assert sharpe["privileged_student"] > sharpe["best_rule"] > 0.0
    assert found["best_rule"].setting["signal"] in simple_rules(tape)
    assert found["filter"].setting["sharpe_where_tuned"] > 5.0
    assert all(len(item.track) == 2 * 11_399 for item in found.values())


def test_optimum_of_a_leaked_world_beats_the_leak_itself():
    _, tape, segments = planted(leak="all", sd_bp=11.0)
    env = EnvConfig()
    best = optimum(tape, segments["test"], env).track
    opens = tape.open.numpy()
    ahead = np.zeros(len(tape))
    ahead[:-2] = opens[2:] / opens[1:-1] - 1
    worth_it = np.where(np.abs(ahead) > 1e-4, np.sign(ahead), 0).astype(np.int8)
    greedy = run_positions(tape, segments["test"], worth_it, env)
    assert best.equity[-1] > greedy.equity[-1] > 1e5
    assert best.position[-1] == 0
