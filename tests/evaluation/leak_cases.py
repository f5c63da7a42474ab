"""Indicators that look ahead, one kind each, as a user might have written them by mistake."""

import math

import numpy as np
import pandas as pd
from scipy.signal import filtfilt, savgol_filter

from grandmodel.evaluation.leaks import finding

MINUTE_NS = 60 * 10**9


def frame(bars):
    """The bars as a table on a UTC time index, as most users hold them."""
    index = pd.DatetimeIndex(bars.open_time_ns.astype("datetime64[ns]"), tz="UTC")
    names = ("open", "high", "low", "close", "volume")
    return pd.DataFrame({name: getattr(bars, name) for name in names}, index=index)


class Indicator:
    """A column ``value`` made by one function of the table of all bars."""

    columns = ("value",)

    def __init__(self, make, memory_bars=math.inf):
        self.make = make
        self.memory_bars = memory_bars

    def over(self, bars):
        values = self.make(frame(bars))
        values = np.asarray(values, dtype=np.float64)
        return {"value": np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)}


def log_close(table):
    return np.log(table["close"])


def returns(table, bars=1):
    return table["close"].pct_change(bars)


def centred_mean(table):
    return 100.0 * (table["close"].rolling(11, center=True).mean() / table["close"] - 1.0)


def savitzky_golay(table):
    smooth = savgol_filter(table["close"], 15, 2)
    return 100.0 * (table["close"] / smooth - 1.0)


def pivots(table):
    """A high is a pivot where it is the highest of three bars on either side."""
    return (table["high"] == table["high"].rolling(7, center=True).max()).astype(float)


def shifted_back(table):
    return 100.0 * returns(table, 20).shift(-2)


def range_of_the_bar_after(table):
    return 100.0 * ((table["high"] - table["low"]) / table["close"]).shift(-1)


def four_hours(table):
    """The four hours' close, written onto all of its bars."""
    slow = table["close"].resample("4h").last()
    return 100.0 * (slow.reindex(table.index, method="ffill") / table["close"] - 1.0)


def day_high(table):
    high = table["high"].groupby(table.index.floor("D")).transform("max")
    return 100.0 * (high / table["close"] - 1.0)


def blocks(table):
    """Joined by row // 8 in place of by time."""
    group = np.arange(len(table)) // 8
    return 100.0 * (table["close"].groupby(group).transform("mean") / table["close"] - 1.0)


def one_bar_early(table):
    """Two-hour bars, seen one half hour before they close."""
    slow = table["close"].resample("2h").last()
    slow.index = slow.index + pd.Timedelta("1h")
    return 100.0 * (slow.reindex(table.index, method="ffill") / table["close"] - 1.0)


def week_mean(table):
    week = (table.index.floor("D") - pd.to_timedelta(table.index.weekday, unit="D")).asi8
    return 100.0 * (table["close"].groupby(week).transform("mean") / table["close"] - 1.0)


def z_of_all(table):
    move = returns(table, 5).fillna(0.0)
    return (move - move.mean()) / move.std()


def min_max_of_all(table):
    close = table["close"]
    return (close - close.min()) / (close.max() - close.min())


def rank_of_all(table):
    return table["close"].rank(pct=True)


def clipped_z_of_all(table):
    spread = log_close(table) - log_close(table).rolling(50, min_periods=1).mean()
    return np.tanh((spread - spread.mean()) / spread.std())


def next_return(table):
    return 100.0 * returns(table).shift(-1)


def up_in_five(table):
    return np.sign(table["close"].shift(-5) - table["close"])


def traded_return(table):
    """From the next open to the open after it, with noise of its own size."""
    ahead = table["open"].shift(-2) / table["open"].shift(-1) - 1.0
    noise = np.random.default_rng(1).standard_normal(len(table))
    return 1000.0 * (ahead + 0.5 * 0.001 * noise)


def filled_back(table):
    """A level that is set on few bars, filled towards the past."""
    event = table["volume"] > 930
    return (table["close"].where(event).bfill() - 4000.0) / 100.0


def drawn_between(table):
    """Straight lines between values that are set now and then."""
    event = table["volume"] > 930
    index = np.arange(len(table))
    known = np.flatnonzero(event)
    return (np.interp(index, known, table["close"].to_numpy()[known]) - 4000.0) / 100.0


def two_sided_filter(table):
    numbers = [0.02], [1.0, -0.98]
    return 100.0 * (table["close"] / filtfilt(*numbers, table["close"]) - 1.0)


def trend_of_all(table):
    """What is left of a straight line through all bars."""
    index = np.arange(len(table)) - 0.5 * (len(table) - 1)
    close = table["close"] - table["close"].mean()
    slope = (index * close).sum() / max((index * index).sum(), 1.0)
    return (close - slope * index) / 100.0


def mean_of_the_hour(table):
    """The mean return of this hour of the day, over all days."""
    ahead = returns(table).shift(-1).fillna(0.0)
    return 1000.0 * ahead.groupby(table.index.hour).transform("mean")


def share_of_the_file(table):
    return np.arange(len(table)) / len(table)


def last_bar_of_the_day(table):
    """Read off the day of the next bar there is."""
    day = pd.Series(table.index.floor("D").asi8)
    return (day != day.shift(-1)).astype(float).to_numpy()


def fitted_past_training(table):
    """Scaled by the first 4 000 bars, of which training ends before."""
    known = table["close"].iloc[:4000]
    return (table["close"] - known.mean()) / known.std()


def slow_average(table):
    return 100.0 * (table["close"] / table["close"].ewm(alpha=0.01, adjust=False).mean() - 1.0)


PLANTED = {  # function, cause
    centred_mean: finding.CENTRED,
    savitzky_golay: finding.CENTRED,
    pivots: finding.CENTRED,
    shifted_back: finding.SHIFT,
    range_of_the_bar_after: finding.SHIFT,
    four_hours: finding.RESAMPLE,
    day_high: finding.RESAMPLE,
    blocks: finding.RESAMPLE,
    one_bar_early: finding.RESAMPLE,
    week_mean: finding.RESAMPLE,
    z_of_all: finding.NORMALISER,
    min_max_of_all: finding.NORMALISER,
    rank_of_all: finding.NORMALISER,
    clipped_z_of_all: finding.NORMALISER,
    next_return: finding.LABEL,
    up_in_five: finding.LABEL,
    traded_return: finding.LABEL,
    filled_back: finding.BACKFILL,
    drawn_between: finding.SETTLED,
    two_sided_filter: finding.WHOLE_PATH,
    trend_of_all: finding.WHOLE_PATH,
    mean_of_the_hour: finding.WHOLE_PATH,
    share_of_the_file: finding.END_OF_DATA,
    last_bar_of_the_day: finding.END_OF_DATA,
    fitted_past_training: finding.BEYOND_TRAINING,
}
