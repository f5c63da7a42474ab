"""One small market with training, validation and test on the same path, for the leak audit."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from grandmodel.evaluation.leaks.audit import Subject
from grandmodel.evaluation.leaks.source import own_source
from grandmodel.features.arrays import path_arrays
from grandmodel.features.build import build_tape
from grandmodel.features.config import FeatureConfig
from grandmodel.market.bars import Bars
from grandmodel.market.calendar import session_table
from grandmodel.market.dataset import Dataset, MarketPath
from grandmodel.market.instruments import Instrument
from grandmodel.market.splits import split_by_sessions
from grandmodel.market.synthetic.dataset import open_times

BARS = 5000
PURGE = 97


@dataclass(frozen=True)
class World:
    dataset: Dataset
    tape: object

    def subject(self, name, make, **more):
        """The audit's subject with one indicator of somebody's own on the tape."""
        source = own_source(name, make)
        bars = self.dataset.paths[0]
        values = source.over(path_arrays(bars, session_table(bars.bars)))[name]
        tape = self.tape.with_column(name, torch.from_numpy(values.astype(np.float32)))
        tape = replace(tape, columns=(name,), features=tape.features[:, -1:])
        return Subject(self.dataset, tape, [source], **more)


def walk(count=BARS, seed=0):
    """Half-hour bars of a random walk on weekdays, opens near the close before."""
    draw = np.random.default_rng(seed)
    swing = 0.001 * np.exp(0.5 * np.sin(np.arange(count) / 300.0))
    close = 4000.0 * np.exp(np.cumsum(draw.standard_t(4, count) * swing))
    open_ = np.r_[4000.0, close[:-1]] * (1.0 + 0.0001 * draw.standard_normal(count))
    high = np.maximum(open_, close) * (1.0 + 0.0005 * np.abs(draw.standard_normal(count)))
    low = np.minimum(open_, close) * (1.0 - 0.0005 * np.abs(draw.standard_normal(count)))
    volume = draw.integers(1, 1000, count).astype(np.float64)
    instrument = Instrument(name="made", tick=0.25, calendar="planted", fee_bps=1.0, edge="carry")
    prices = (open_, high, low, close, volume)
    return Bars(open_times(0, count), *prices, 30, instrument, adjustment="none", source="made")


def make_world(seed=0):
    bars = walk(seed=seed)
    session = session_table(bars).session
    splits = split_by_sessions(session, purge_bars=PURGE)
    dataset = Dataset(
        (MarketPath(bars),), {name: (span,) for name, span in splits.items() if len(span)}
    )
    return World(dataset, build_tape(dataset, FeatureConfig()))
