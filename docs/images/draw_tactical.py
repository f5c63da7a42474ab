"""Draw tactical.png: price, gaps, a synergy, three votes and their orders, out of a run's folder.

python docs/images/draw_tactical.py RUN PATH FIRST_CLOSE, with RUN a judged run of the tactical
team on synthetic five-minute bars, PATH a path of its decisions.parquet and FIRST_CLOSE a
timestamp of it.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from grandmodel.features.gaps import CREATED, LIFE_BARS, Gaps
from grandmodel.market.dataset import MarketPath
from grandmodel.wiring.compose import typed
from grandmodel.wiring.market import Stage, build_stage
from grandmodel.wiring.run_config import from_run
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.system import read_columns, with_needed_features

PICTURE = Path(__file__).with_name("tactical.png")
BARS = 72
INK, PALE, BLUE, RED, GREEN = "#24292f", "#8c959f", "#0969da", "#cf222e", "#1a7f37"
VOTE_COLOURS = (RED, "#d0d7de", GREEN)
ENTRY_COLOURS = ("#d0d7de", BLUE, "#8250df")
VOTES = {"fvg": VOTE_COLOURS, "momentum": VOTE_COLOURS, "entry": ENTRY_COLOURS}


def times(nanoseconds: np.ndarray) -> pd.DatetimeIndex:
    """Turn nanoseconds into UTC times."""
    return pd.DatetimeIndex(pd.to_datetime(nanoseconds, utc=True))


def stage_of(run: Path) -> Stage:
    """Build the bars that a run was judged on."""
    config = with_needed_features(typed(from_run([f"run={run}"], {}).config, TrainConfig))
    return build_stage(
        config,
        max_hold_bars=config.env.max_hold_bars,
        episode_bars=config.env.episode_bars,
        columns=read_columns(config),
    )


def draw_price(axes: Axes, path: MarketPath, first: int) -> None:
    """Draw bars: hollow where they rose, filled where they fell."""
    bars = path.bars
    for place, at in enumerate(range(first, first + BARS)):
        opened, close = bars.open[at], bars.close[at]
        axes.plot([place, place], [bars.low[at], bars.high[at]], color=INK, lw=0.8, zorder=2)
        body = Rectangle(
            (place - 0.32, min(opened, close)),
            0.64,
            abs(close - opened),
            facecolor="white" if close > opened else PALE,
            edgecolor=INK,
            lw=0.8,
            zorder=3,
        )
        axes.add_patch(body)


def draw_gaps(axes: Axes, path: MarketPath, first: int) -> None:
    """Shade each gap from its birth until it is filled or expires."""
    bars = path.bars
    begin = max(0, first - LIFE_BARS)
    _, events = Gaps(bars.instrument.tick or 0.0).with_events(bars)
    close_ns = bars.close_time_ns
    for time, kind, direction in zip(events.time_ns, events.event, events.direction, strict=True):
        at = int(np.searchsorted(close_ns, time))
        if kind != CREATED or not begin <= at < first + BARS:
            continue
        rising = (bars.high[at - 2], bars.low[at])
        edges = rising if direction > 0 else (bars.high[at], bars.low[at - 2])
        after = slice(at + 1, at + 1 + LIFE_BARS)
        filled = bars.low[after] <= edges[0] if direction > 0 else bars.high[after] >= edges[1]
        life = int(np.argmax(filled)) + 1 if filled.any() else LIFE_BARS
        if at + life < first:
            continue
        left = max(at, first) - first
        right = min(at + life, first + BARS - 1) - first
        colour = GREEN if direction > 0 else RED
        axes.add_patch(
            Rectangle(
                (left, edges[0]), right - left + 0.4, edges[1] - edges[0],
                facecolor=colour, alpha=0.18, lw=0, zorder=1,
            )
        )  # fmt: skip


def draw_synergies(axes: Axes, path: MarketPath, closes: pd.DatetimeIndex) -> None:
    """Mark the synergies with type and direction."""
    found = path.synergies
    if found is None:
        return
    events = zip(times(found.time_ns), found.type, found.direction, strict=True)
    for number, (time, kind, direction) in enumerate(events):
        if closes[0] <= time <= closes[-1]:
            place = int(closes.get_indexer([time], method="backfill")[0])
            axes.axvspan(place, place + 5.5, color="#fff8c5", zorder=0)
            said = f"TYPE_{kind} {'up' if direction > 0 else 'down'}"
            axes.text(
                place + 0.2, 0.98 - 0.04 * (number % 3), said,
                transform=axes.get_xaxis_transform(), fontsize=8, va="top", color="#7d4e00",
            )  # fmt: skip


def draw_trades(
    axes: Axes, stage: Stage, first: int, rows: pd.DataFrame, trades: pd.DataFrame
) -> None:
    """Draw each round trip from fill to fill, with limit, stop and target of its decision."""
    number = int(rows["path"].iloc[0])
    tape, offset = stage.tape, stage.tape.path_start(number)
    opens = times(stage.dataset.paths[number].bars.open_time_ns)
    for trade in trades.itertuples():
        begin, end = (int(opens.get_indexer([t], method="ffill")[0]) for t in
                      (trade.entry_time, trade.exit_time))  # fmt: skip
        if end < first or begin >= first + BARS:
            continue
        side, decided = trade.side, offset + begin - 1
        close, atr = float(tape.close[decided]), float(tape.atr14[decided])
        left, right = max(begin, first) - first, min(end, first + BARS - 1) - first
        for level, colour in ((close - side * 2 * atr, RED), (close + side * 3 * atr, GREEN)):
            axes.hlines(level, left, right, color=colour, ls=":", lw=1.2, zorder=4)
        if begin >= first:
            if left and rows["rule"].iloc[left - 1] == "voted_limit":
                axes.hlines(close, left - 1, left + 0.6, color=BLUE, lw=2.0, zorder=5)
            axes.plot(left, trade.entry_price, "^" if side > 0 else "v", ms=9, color=BLUE, zorder=6)
        if end < first + BARS:
            axes.plot(right, trade.exit_price, "X", ms=8, color=INK, zorder=6)
            axes.annotate(
                trade.exit_reason, (right, trade.exit_price), xytext=(6, 4),
                textcoords="offset points", fontsize=8, color=INK,
            )  # fmt: skip


def draw_votes(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw a strip for each agent, coloured by its vote, and below them what came of the votes."""
    for height, (name, colours) in enumerate(VOTES.items()):
        codes = rows[f"prediction_{name}"].cat.codes
        for place, code in enumerate(codes):
            axes.add_patch(Rectangle((place - 0.5, -height), 1, 0.85, color=colours[code], lw=0))
    for place, rule in enumerate(rows["rule"].astype(str)):
        word = {"voted_limit": "limit", "voted_market": "market", "voted_left": "left",
                "voted_against_synergy": "against"}.get(rule)  # fmt: skip
        if word:
            axes.text(place, -2.15, word, rotation=90, fontsize=6.5, ha="center", va="top")
    axes.set_ylim(-3.4, 1)
    axes.set_yticks([0.4, -0.6, -1.6, -2.6], [*VOTES, "order"], fontsize=9)
    axes.tick_params(length=0)
    names = [
        *zip(VOTE_COLOURS, ("short, counter", "hold, neutral, wait", "long, trend"), strict=True),
        *zip(ENTRY_COLOURS[1:], ("execute", "aggressive"), strict=True),
    ]
    axes.legend(
        handles=[Patch(color=colour, label=label) for colour, label in names],
        ncols=5, fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.22),
    )  # fmt: skip


def main(run: Path, number: int, since: str) -> None:
    """Draw the bars from one decision on."""
    decisions = pd.read_parquet(run / "decisions.parquet")
    own = decisions[decisions["path"] == number].set_index("timestamp")
    rows = own.loc[pd.Timestamp(since) :].iloc[:BARS]
    stage = stage_of(run)
    path = stage.dataset.paths[number]
    first = int(np.searchsorted(path.bars.close_time_ns, rows.index[0].value))
    trades = pd.read_parquet(run / "trades.parquet")
    figure, (above, below) = plt.subplots(
        2, 1, sharex=True, figsize=(11, 6.4), height_ratios=(4, 1.25), layout="constrained"
    )
    draw_price(above, path, first)
    seen = slice(first, first + BARS)
    low, high = path.bars.low[seen].min(), path.bars.high[seen].max()
    draw_gaps(above, path, first)
    above.set_ylim(low - 0.25 * (high - low), high + 0.3 * (high - low))
    draw_synergies(above, path, rows.index)
    draw_trades(above, stage, first, rows, trades[trades["path"] == number])
    draw_votes(below, rows)
    ticks = range(0, BARS, 12)
    below.set_xticks([*ticks], [f"{rows.index[k]:%H:%M}" for k in ticks])
    below.set_xlim(-1, BARS)
    above.set_ylabel("price")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
