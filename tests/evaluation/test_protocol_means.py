"""Figures of several paths: means, row by row where they are tables."""

import numpy as np

from grandmodel.evaluation.protocols.means import mean_record, mean_shift


def test_means_over_paths_keep_words_and_gaps() -> None:
    records = [{"a": 1.0, "b": "x", "c": None, "d": {"e": 2}}, {"a": 3.0, "b": "y", "d": {"e": 4}}]
    assert mean_record(records) == {"a": 2.0, "b": "x", "c": None, "d": {"e": 3.0}}


def test_rows_of_tables_are_matched_by_name() -> None:
    first = {"costs": [{"cost_scale": 0.0, "sharpe": 1.0}, {"cost_scale": 2, "sharpe": -1.0}]}
    second = {"costs": [{"cost_scale": 2, "sharpe": 0.0}, {"cost_scale": 0.0, "sharpe": 2.0}]}
    assert mean_record([first, second]) == {
        "costs": [{"cost_scale": 0.0, "sharpe": 1.5}, {"cost_scale": 2, "sharpe": -0.5}]
    }


def test_a_row_that_one_path_has_alone_is_kept() -> None:
    found = mean_record([[{"regime": "quiet", "net": 1.0}], [{"regime": "high", "net": 3.0}]])
    assert found == [{"regime": "quiet", "net": 1.0}, {"regime": "high", "net": 3.0}]


def test_lists_of_settings_stay_those_of_the_first() -> None:
    assert mean_record([{"fast_bars": [5, 10]}, {"fast_bars": [10, 20]}]) == {"fast_bars": [5, 10]}


def shift(own: float, sharpe: list[float], by: list[int]) -> dict[str, object]:
    return {"shift_decisions": by, "sharpe": sharpe, "unshifted_sharpe": own, "p_value": 0.5}


def test_shifts_are_means_where_the_paths_were_shifted_alike() -> None:
    found = mean_shift([shift(1.0, [0.0, 3.0], [4, 9]), shift(2.0, [2.0, 1.0], [4, 9])])
    assert found is not None
    np.testing.assert_allclose(found["sharpe"], [1.0, 2.0])
    assert (found["unshifted_sharpe"], found["p_value"]) == (1.5, 2 / 3)
    other = shift(1.0, [0.0], [4])
    assert mean_shift([other, shift(2.0, [0.0], [5])]) == other
    assert mean_shift([None, None]) is None
