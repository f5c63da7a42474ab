"""Figures of several paths: means, row by row where they are tables."""

import numpy as np

from grandmodel.evaluation.protocols.means import (
    mean_delay,
    mean_record,
    mean_shift,
    with_counts,
)


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


def test_settings_that_all_paths_share_stay_whole() -> None:
    found = mean_record([{"block": 10, "steps": 10, "share": 1.0}, {"block": 10, "steps": 13}])
    assert found == {"block": 10, "steps": 11.5, "share": 1.0}
    assert isinstance(found["block"], int)
    assert isinstance(found["share"], float)


def test_what_a_delay_keeps_follows_from_the_ratios_beside_it() -> None:
    paths = [
        [{"name": "1 decision", "sharpe": late, "kept": late / own, "reason": None},
         {"name": "1 minute", "sharpe": None, "kept": None, "reason": "bars are too long"}]
        for own, late in ((0.2, 0.4), (0.6, 0.9))
    ]  # fmt: skip
    rows = mean_record(paths)
    late, none = mean_delay(rows, 0.4)
    np.testing.assert_allclose([late["sharpe"], late["kept"]], [0.65, 0.65 / 0.4])
    assert none == paths[0][1]
    for sharpe in (0.0, -0.4, None):
        assert [row["kept"] for row in mean_delay(rows, sharpe)] == [None, None]


def test_counts_are_those_of_all_paths_together() -> None:
    means = {"votes": 2.5, "rate": {"long": 0.4}, "rows": [{"count": 1.5, "mean": 0.1}]}
    whole = {"votes": 5, "rate": {"long": 0.5}, "rows": [{"count": 3, "mean": 0.2}]}
    assert with_counts(means, whole) == {
        "votes": 5, "rate": {"long": 0.4}, "rows": [{"count": 3, "mean": 0.1}],
    }  # fmt: skip
