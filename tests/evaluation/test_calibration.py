import numpy as np
import pytest
from fakes import fake_tape, fake_team, halves

from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.config import EvaluationConfig, standard_gates
from grandmodel.evaluation.judging.calibration import Validator, calibrate_gate
from grandmodel.evaluation.measures.metrics import measure

GATES = [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("sharpes", "trips", "gate"),
    [
        ([1.0, 2.0, 1.5], [50, 50, 50], 0.2),
        ([1.0, 2.0, 1.5], [50, 29, 50], 0.3),
        ([2.0, 2.0, 1.0], [30, 30, 30], 0.2),  # of equals the larger
        ([-1.0, 0.0, -2.0], [50, 50, 50], 1.0),
        ([5.0, 5.0, 5.0], [29, 29, 29], 1.0),
    ],
)
def test_the_best_qualified_gate_is_chosen(sharpes, trips, gate):
    assert calibrate_gate(GATES, np.array(sharpes), np.array(trips)) == gate


def validator(tape, **changes):
    config = EvaluationConfig(gates=[0.34, 0.4, 0.5], minimum_round_trips=1)
    return Validator(tape, halves(tape), EnvConfig(), config, sessions_per_year=252.0, **changes)


def test_the_stored_gate_gives_the_same_row_to_the_last_digit():
    tape, team = fake_tape(900, fee_bps=0.0, seed=4), fake_team()
    in_training = validator(tape)(team)
    afterwards = validator(tape, detail=True)(team, gate=in_training.gate)
    assert afterwards.scalars() == in_training.scalars()
    assert afterwards.row == in_training.row
    assert set(in_training.gate_sharpes) == {0.34, 0.4, 0.5}
    best = max(in_training.gate_sharpes.values())
    assert in_training.sharpe == (best if best > 0 else 0.0)


def test_without_a_qualified_gate_it_never_trades():
    tape = fake_tape(400, fee_bps=500.0)
    found = validator(tape)(fake_team())
    assert found.gate == 1.0
    assert found.sharpe == 0.0
    assert found.measured.scalars["trades"] == 0
    assert found.beside["argmax"].scalars["trades"] > 0


def test_fast_sharpes_and_counts_equal_the_measured_ones():
    tape, team = fake_tape(500, paths=2), fake_team()
    run = validator(tape)
    judgement = run.judge(team)
    fast, trips = judgement.sharpes(run.market, 252.0), judgement.round_trips()
    for copy in range(len(run.rules)):
        slow = measure(judgement.track(copy, run.market), run.market, 252.0)
        assert fast[copy] == pytest.approx(slow.scalars["sharpe"], abs=1e-12)
        assert trips[copy] == len(slow.trips)


def test_a_fixed_gate_and_argmax_are_judged_as_set():
    tape, team = fake_tape(400), fake_team()
    fixed = validator(tape, gate=0.37)(team)
    assert fixed.gate == 0.37
    assert fixed.judgement.rules[fixed.row] == "challenger@0.37"
    plain = validator(tape, execute="argmax")(team)
    assert plain.judgement.rules[plain.row] == "argmax"
    assert plain.measured.scalars == plain.beside["argmax"].scalars
    with pytest.raises(ValueError, match="none of this validation's"):
        validator(tape)(team, gate=0.77)


def test_seventeen_gates_are_standard():
    assert standard_gates()[0] == 0.1
    assert standard_gates()[-1] == 0.9
    assert len(standard_gates()) == 17
