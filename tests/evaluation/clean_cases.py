"""Fifty indicators without a leak, as docs/extend.md lets users write them."""

import math

import numpy as np
import pandas as pd
from leak_cases import Indicator, log_close, returns
from scipy.signal import lfilter


class Smoothed(Indicator):
    """An EMA of returns with both forms, as the document asks for."""

    def __init__(self, alpha):
        self.alpha = alpha
        self.memory_bars = math.ceil(math.log(1e-9) / math.log(1.0 - alpha))
        self.close, self.mean = None, 0.0

    def over(self, bars):
        return {"value": np.array([self.update(bars.bar(t))["value"] for t in range(len(bars))])}

    def update(self, bar):
        move = 0.0 if self.close is None else 100.0 * (bar.close / self.close - 1.0)
        self.close = bar.close
        self.mean += self.alpha * (move - self.mean)
        return {"value": self.mean}


class HighOfTheDay(Indicator):
    """The day's high so far over the close, from the exchange's own day."""

    memory_bars = 46

    def __init__(self):
        self.day, self.high = None, 0.0

    def over(self, bars):
        return {"value": np.array([self.update(bars.bar(t))["value"] for t in range(len(bars))])}

    def update(self, bar):
        self.high = max(self.high, bar.high) if bar.day == self.day else bar.high
        self.day = bar.day
        return {"value": 100.0 * (self.high / bar.close - 1.0)}


def mean_ratio(window):
    return lambda t: 100.0 * (t["close"] / t["close"].rolling(window, min_periods=1).mean() - 1.0)


def z_score(window):
    def make(table):
        move = returns(table).fillna(0.0)
        held = move.rolling(window, min_periods=2)
        return ((move - held.mean()) / held.std().clip(lower=1e-9)).clip(-3, 3)

    return make


def channel(window):
    def make(table):
        high = table["high"].rolling(window, min_periods=1).max()
        low = table["low"].rolling(window, min_periods=1).min()
        return 2.0 * (table["close"] - low) / (high - low) - 1.0

    return make


def momentum(bars):
    return lambda table: 10.0 * returns(table, bars)


def average(alpha):
    def make(table):
        return 100.0 * (table["close"] / table["close"].ewm(alpha=alpha, adjust=False).mean() - 1.0)

    return make


def one_sided_filter(alpha):
    """Returns through a recursive filter that looks back only."""
    return lambda t: 1000.0 * lfilter([alpha], [1.0, alpha - 1.0], returns(t).fillna(0.0))


def as_of(rule, minutes):
    """Slower bars, known from their close on: the value of the last one closed."""

    def make(table):
        slow = table["close"].resample(rule).last().dropna()
        slow.index = slow.index + pd.Timedelta(rule)
        closes = table.index + pd.Timedelta("30min")
        seen = slow.reindex(closes, method="ffill").to_numpy()
        return 100.0 * (table["close"] / seen - 1.0)

    return Indicator(make, minutes // 30 + 200)


def momentum_as_of(rule, slow_bars, minutes):
    def make(table):
        slow = table["close"].resample(rule).last().dropna().pct_change(slow_bars)
        slow.index = slow.index + pd.Timedelta(rule)
        closes = table.index + pd.Timedelta("30min")
        return 10.0 * slow.reindex(closes, method="ffill").to_numpy()

    return Indicator(make, (slow_bars + 3) * minutes // 30 + 200)


def yesterday(table):
    """Where the close lies in the range of the day before, which is over."""
    day = table.groupby(table.index.floor("D")).agg({"high": "max", "low": "min"}).shift(1)
    held = day.reindex(table.index.floor("D"))
    low, high = held["low"].to_numpy(), held["high"].to_numpy()
    return (table["close"].to_numpy() - low) / (high - low) - 0.5


def expanding(table):
    """Mean and deviation of all bars so far."""
    move = returns(table, 3).fillna(0.0)
    held = move.expanding(20)
    return ((move - held.mean()) / held.std()).clip(-5, 5)


def expanding_rank(table):
    return returns(table, 5).fillna(0.0).expanding().rank(pct=True)


def fitted(count, squash=None):
    """Scaled by mean and deviation of the first bars, which are training's, and frozen."""

    def make(table):
        move = log_close(table) - log_close(table).rolling(30, min_periods=1).mean()
        known = move.iloc[:count]
        z = (move - known.mean()) / known.std()
        return z if squash is None else squash(z)

    return make


def fitted_until(date):
    """Scaled between the extremes before a date, which lies within training."""

    def make(table):
        known = table["close"][table.index < pd.Timestamp(date, tz="UTC")]
        return (table["close"] - known.min()) / (known.max() - known.min())

    return make


def hour_wave(table):
    return np.sin(2.0 * np.pi * (table.index.hour + table.index.minute / 60.0) / 24.0)


def last_event(table):
    """A level set on few bars, held until the next."""
    return (table["close"] / table["close"].where(table["volume"] > 900).ffill() - 1.0) * 100.0


def confirmed_pivot(table):
    """A pivot high, told three bars later, when it is known."""
    high = table["high"]
    return (high.shift(3) == high.rolling(7).max()).astype(float)


def range_share(table):
    return (table["close"] - table["low"]) / (table["high"] - table["low"]) - 0.5


def volume_ratio(window):
    return lambda t: np.tanh(
        np.log(t["volume"] / t["volume"].shift(1).rolling(window, min_periods=1).mean())
    )


def relative_strength(window):
    def make(table):
        move = table["close"].diff().fillna(0.0)
        up = move.clip(lower=0.0).ewm(alpha=1.0 / window, adjust=False).mean()
        down = (-move).clip(lower=0.0).ewm(alpha=1.0 / window, adjust=False).mean()
        return (up / (up + down) - 0.5).fillna(0.0)

    return make


def _clean():
    cases = {f"mean_ratio_{n}": Indicator(mean_ratio(n), n) for n in (2, 7, 20, 48, 200)}
    cases |= {f"z_score_{n}": Indicator(z_score(n), n + 1) for n in (10, 50, 300)}
    cases |= {f"channel_{n}": Indicator(channel(n), n) for n in (3, 14, 55, 400)}
    cases |= {f"momentum_{n}": Indicator(momentum(n), n) for n in (1, 5, 20, 100)}
    for alpha, memory in ((0.5, 40), (0.2, 110), (0.06, 400), (0.01, 2200)):
        cases[f"average_{alpha}"] = Indicator(average(alpha), memory)
    cases |= {f"filter_{a}": Indicator(one_sided_filter(a), m) for a, m in ((0.3, 80), (0.05, 500))}
    cases |= {f"smoothed_{a}": Smoothed(a) for a in (0.4, 0.1, 0.03)}
    slower = (("1h", 60), ("2h", 120), ("4h", 240), ("12h", 720), ("1D", 1440))
    cases |= {f"as_of_{rule}": as_of(rule, minutes) for rule, minutes in slower}
    for rule, slow_bars, minutes in (("1h", 10, 60), ("4h", 6, 240), ("1D", 3, 1440)):
        cases[f"momentum_as_of_{rule}"] = momentum_as_of(rule, slow_bars, minutes)
    cases |= {"yesterday": Indicator(yesterday, 200), "high_of_the_day": HighOfTheDay()}
    cases |= {"expanding": Indicator(expanding), "expanding_rank": Indicator(expanding_rank)}
    cases |= {f"fitted_{n}": Indicator(fitted(n)) for n in (500, 1500, 3000)}
    cases["fitted_tanh"] = Indicator(fitted(2000, np.tanh))
    cases["fitted_clip"] = Indicator(fitted(2500, lambda z: z.clip(-2, 2)))
    cases["fitted_until"] = Indicator(fitted_until("1990-02-20"))
    cases |= {"hour_wave": Indicator(hour_wave, 0), "range_share": Indicator(range_share, 0)}
    cases |= {"last_event": Indicator(last_event, 400), "pivot": Indicator(confirmed_pivot, 8)}
    cases |= {f"volume_{n}": Indicator(volume_ratio(n), n + 1) for n in (5, 46)}
    for window, memory in ((2, 60), (14, 350), (50, 1200)):
        cases[f"strength_{window}"] = Indicator(relative_strength(window), memory)
    return cases


CLEAN = _clean()
