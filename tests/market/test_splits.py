from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.core.checks import UserError
from grandmodel.market.splits import Span, cut_segments, split_by_sessions


def test_shares_by_hand() -> None:
    session = np.repeat(np.arange(100), 10)
    split = split_by_sessions(session, purge_bars=7)
    # 40 sessions remain after 600 bars: 24, 8, 8
    assert split == {
        "train": Span(0, 600, 833),
        "validation": Span(0, 840, 920),
        "test": Span(0, 920, 1000),
    }


def test_dates_name_the_first_session_of_the_following_part() -> None:
    session = np.repeat(np.arange(100), 10)
    dates = np.repeat(20_000 + 2 * np.arange(100), 10)
    options = {"purge_bars": 1, "session_date": dates}
    split = split_by_sessions(session, (20_139, 20_160, None), **options)
    assert split["train"] == Span(0, 600, 699)
    assert split["validation"] == Span(0, 700, 800)
    assert split["test"] == Span(0, 800, 1000)
    split = split_by_sessions(session, (20_140, 20_160, 20_190), **options)
    assert split["test"] == Span(0, 800, 950)
    assert split["validation"].start == 700


def test_start_and_stop_bound_the_parts() -> None:
    session = np.repeat(np.arange(200), 10)
    split = split_by_sessions(session, (0.5, 0.25, 0.25), purge_bars=0, start=1000, stop=1400)
    assert [tuple(span[1:]) for span in split.values()] == [
        (1000, 1200),
        (1200, 1300),
        (1300, 1400),
    ]


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=3, max_size=60),
    shares=st.sampled_from([(0.6, 0.2, 0.2), (0.5, 0.3, 0.1), (0.1, 0.1, 0.8)]),
    warmup=st.integers(0, 100),
    purge=st.integers(0, 100),
)
def test_parts_are_whole_sessions_in_order(
    lengths: list[int], shares: tuple[float, float, float], warmup: int, purge: int
) -> None:
    session = np.repeat(np.arange(len(lengths)), lengths)
    split = split_by_sessions(session, shares, purge_bars=purge, warmup_bars=warmup)
    train, validation, test = split["train"], split["validation"], split["test"]
    assert min(warmup, len(session)) == train.start <= train.stop
    assert train.stop == max(train.start, validation.start - purge)
    assert validation.stop == test.start
    assert test.stop <= len(session)
    for edge in (validation.start, test.start, test.stop):
        whole = edge in (train.start, len(session))
        assert whole or session[edge - 1] != session[edge]
    if sum(shares) == 1.0:
        assert test.stop == len(session)


def test_cut_segments_by_hand() -> None:
    session = np.repeat(np.arange(10), 10)
    assert cut_segments(session, 0, 100, 1) == [(0, 100)]
    assert cut_segments(session, 0, 100, 4) == [(0, 20), (20, 50), (50, 70), (70, 100)]
    assert cut_segments(session, 5, 95, 3) == [(5, 30), (30, 60), (60, 95)]
    assert cut_segments(session, 5, 5, 3) == []
    assert len(cut_segments(session, 0, 30, 64)) == 3
    with pytest.raises(UserError, match=r"evaluation\.segments must be at least 1"):
        cut_segments(session, 0, 100, 0)


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=60),
    count=st.integers(1, 20),
    data=st.data(),
)
def test_segments_cover_the_stretch_and_cut_at_sessions(
    lengths: list[int], count: int, data: st.DataObject
) -> None:
    session = np.repeat(np.arange(len(lengths)), lengths)
    start = data.draw(st.integers(0, len(session) - 1))
    stop = data.draw(st.integers(start + 1, len(session)))
    segments = cut_segments(session, start, stop, count)
    assert segments[0][0] == start
    assert segments[-1][1] == stop
    assert len(segments) <= count
    for (_, here), (there, _) in pairwise(segments):
        assert here == there
        assert session[here - 1] != session[here]
    longest = max(end - begin for begin, end in segments)
    assert longest <= (stop - start) / count + max(lengths) + 1
