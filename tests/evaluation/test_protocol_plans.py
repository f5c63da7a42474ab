"""Plans of walk-forward and CPCV: who trains, selects and tests, and how far apart."""

from math import comb

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grandmodel.core.checks import UserError
from grandmodel.evaluation.protocols.config import ProtocolConfig
from grandmodel.evaluation.protocols.cpcv import plan_cpcv
from grandmodel.evaluation.protocols.plan import (
    Clock,
    Fold,
    Gaps,
    Plan,
    Stretch,
    carry_out,
    require_room,
)
from grandmodel.evaluation.protocols.walk_forward import plan_walk_forward

GAPS = Gaps(purge=7, embargo=5, memory=0)


def clock_of(lengths: list[int], first: int = 0) -> Clock:
    session = np.repeat(np.arange(len(lengths)), lengths)
    return Clock(session, min(first, len(session) - 1), len(session))


clocks = st.builds(
    clock_of, st.lists(st.integers(3, 30), min_size=12, max_size=60), st.integers(0, 40)
)
gaps = st.builds(
    Gaps, purge=st.integers(0, 20), embargo=st.integers(0, 10), memory=st.integers(0, 40)
)


def bars_of(stretches: tuple[Stretch, ...]) -> np.ndarray:
    return np.concatenate([np.arange(it.start, it.stop) for it in stretches] or [np.zeros(0, int)])


def judged_bars(plan: Plan, path: int) -> np.ndarray:
    places = plan.paths[path]
    return bars_of(tuple(plan.folds[place.fold].test[place.stretch] for place in places))


def check_apart(fold: Fold, apart: Gaps) -> None:
    """No bar that trains or selects lies within the gaps of a bar that tests."""
    for own in (*fold.train, *fold.validation):
        for test in fold.test:
            before = own.stop <= test.start - apart.purge
            after = own.start >= test.stop + max(apart.purge + apart.embargo, apart.memory)
            assert before or after
    trained, selected = bars_of(fold.train), bars_of(fold.validation)
    if len(trained) and len(selected):
        assert trained.max() + apart.purge < selected.min()


@settings(max_examples=60, deadline=None)
@given(clocks, gaps, st.integers(2, 6), st.sampled_from(("expanding", "rolling")))
def test_walk_forward_moves_on_and_keeps_apart(
    clock: Clock, apart: Gaps, folds: int, window: str
) -> None:
    sessions = len(clock.edges()) - 1
    assume(sessions >= 12)
    config = ProtocolConfig(protocol="walk_forward", folds=folds, window=window)
    plan = plan_walk_forward(clock, apart, config)
    assert plan.causal
    assert len(plan.folds) == folds
    for fold in plan.folds:
        check_apart(fold, apart)
        learned = np.concatenate([bars_of(fold.train), bars_of(fold.validation)])
        assert not len(learned) or learned.max() < fold.test[0].start
        assert not len(learned) or learned.min() >= clock.first
    all_tests = judged_bars(plan, 0)
    assert np.array_equal(all_tests, np.arange(all_tests[0], clock.stop))
    starts = [fold.test[0].start for fold in plan.folds]
    assert starts == sorted(starts)
    assert set(starts) <= set(clock.edges().tolist())


@settings(max_examples=60, deadline=None)
@given(clocks, gaps, st.integers(3, 6), st.integers(1, 3))
def test_cpcv_tests_every_bar_once_per_path(
    clock: Clock, apart: Gaps, groups: int, chosen: int
) -> None:
    assume(chosen < groups)
    config = ProtocolConfig(protocol="cpcv", groups=groups, test_groups=chosen)
    plan = plan_cpcv(clock, apart, config)
    assert not plan.causal
    assert len(plan.folds) == comb(groups, chosen)
    assert len(plan.paths) == comb(groups - 1, chosen - 1)
    for fold in plan.folds:
        check_apart(fold, apart)
        assert len(fold.test) == chosen
    for path in range(len(plan.paths)):
        assert np.array_equal(judged_bars(plan, path), np.arange(clock.first, clock.stop))
    used = [place for path in plan.paths for place in path]
    assert len(set(used)) == len(used) == len(plan.folds) * chosen


def test_walk_forward_by_hand() -> None:
    """Ten sessions of ten bars, four of them before the first of three blocks of two."""
    config = ProtocolConfig(
        protocol="walk_forward", folds=3, train_share=0.4, validation_share=0.25
    )
    plan = plan_walk_forward(clock_of([10] * 10), GAPS, config)
    assert [fold.name for fold in plan.folds] == ["1of3", "2of3", "3of3"]
    assert [fold.test for fold in plan.folds] == [((40, 60),), ((60, 80),), ((80, 100),)]
    assert plan.folds[0].train == ((0, 23),)
    assert plan.folds[0].validation == ((30, 33),)
    assert plan.folds[2].train == ((0, 53),)
    assert plan.folds[2].validation == ((60, 73),)


def test_a_rolling_window_keeps_its_length() -> None:
    config = ProtocolConfig(protocol="walk_forward", folds=3, window="rolling")
    plan = plan_walk_forward(clock_of([10] * 10), GAPS, config)
    assert [fold.train for fold in plan.folds] == [((0, 23),), ((20, 43),), ((40, 63),)]


def test_cpcv_by_hand() -> None:
    """Six groups of two sessions, two of them tested: fifteen trainings, five paths."""
    config = ProtocolConfig(protocol="cpcv", groups=6, test_groups=2)
    plan = plan_cpcv(clock_of([10] * 12), GAPS, config)
    assert (len(plan.folds), len(plan.paths)) == (15, 5)
    second = plan.folds[1]  # groups 0 and 2
    assert second.test == ((0, 20), (40, 60))
    # of 20 to 40 one bar is left between both gaps: none to decide on
    assert second.train == ((72, 103),)
    assert second.validation == ((110, 120),)


def test_carry_out_lays_results_on_paths() -> None:
    config = ProtocolConfig(protocol="cpcv", groups=4, test_groups=2)
    plan = plan_cpcv(clock_of([10] * 12), GAPS, config)
    paths = carry_out(plan, lambda folds: [fold.name for fold in folds])
    assert len(paths) == 3
    for path in paths:
        blocks = [plan.folds[piece.place.fold].test[piece.place.stretch].start for piece in path]
        assert blocks == [0, 30, 60, 90]
        assert all(piece.result == plan.folds[piece.place.fold].name for piece in path)


def test_too_little_is_refused_in_a_sentence() -> None:
    config = ProtocolConfig(protocol="walk_forward", folds=6)
    with pytest.raises(UserError, match="needs a session for each of 6 test blocks"):
        plan_walk_forward(clock_of([10] * 8), GAPS, config)
    short = ProtocolConfig(protocol="walk_forward", folds=2, train_share=0.1)
    with pytest.raises(UserError, match=r"train_share=0.1 of 10 sessions"):
        plan_walk_forward(clock_of([10] * 10), GAPS, short)
    plan = plan_walk_forward(clock_of([10] * 20), GAPS, config)
    with pytest.raises(UserError, match=r"fold 1of6 .* env.episode_bars=256"):
        require_room(plan, 256)
    wide = plan_walk_forward(clock_of([10] * 20), Gaps(purge=20, embargo=0, memory=0), config)
    with pytest.raises(UserError, match="to select on"):
        require_room(wide, 5)


def test_keys_of_the_other_protocol_are_refused() -> None:
    config = ProtocolConfig(protocol="cpcv")
    with pytest.raises(UserError, match="folds is read by protocol=walk_forward only"):
        config.refuse_unread(["groups", "folds"])
    with pytest.raises(UserError, match="test_groups must be at least 1 and fewer"):
        ProtocolConfig(protocol="cpcv", groups=4, test_groups=4)


def test_more_trainings_than_anybody_carries_out_are_refused() -> None:
    with pytest.raises(UserError, match=r"groups=20 test_groups=10 are 184,756 trainings"):
        ProtocolConfig(protocol="cpcv", groups=20, test_groups=10)
    ProtocolConfig(protocol="cpcv", groups=20, test_groups=2)


@pytest.mark.parametrize("key", ["train_share", "validation_share", "embargo"])
@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan")])
def test_a_share_that_is_none_is_refused_with_a_usual_one(key: str, value: float) -> None:
    with pytest.raises(
        UserError, match=rf"{key} must lie in .* give such a share, 0\.\d+ is usual"
    ):
        ProtocolConfig(protocol="cpcv", **{key: value})


def test_the_remedy_is_one_of_the_protocol_that_was_asked_for() -> None:
    late = ProtocolConfig(protocol="walk_forward", folds=3, train_share=0.9)
    with pytest.raises(UserError, match=r"1 are left for them: .*a smaller train_share"):
        plan_walk_forward(clock_of([10] * 10), GAPS, late)
    apart = Gaps(purge=90, embargo=0, memory=0)
    plan = plan_cpcv(clock_of([10] * 20), apart, ProtocolConfig(protocol="cpcv"))
    with pytest.raises(UserError, match=r"fewer groups .* validation_share, .*env\.max_hold_bars"):
        require_room(plan, 5)
