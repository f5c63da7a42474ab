"""How long one tactical decision takes on one core, stage by stage, from the bar to the command.

A decision is: take the five-minute bar that closed (gaps, momentum, volume, context, both clocks of
the synergy detector), ask the three actors, count their votes, write the command. Every bar is
decided on, whether or not it brought a synergy, in each of the three positions in turn.

    python benchmarks/tactical_latency.py [--decisions 20000] [--run DIR]

Wall clock and processor time are told apart: where other programs share the core, the second says
what the decision itself costs.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from time import perf_counter, thread_time

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from grandmodel.market.bars import Bars
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset
from grandmodel.serving.feed import Holding, TacticalFeed
from grandmodel.serving.synergy_event import SynergyEvent
from grandmodel.serving.tactical import TacticalController, most_probable
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.service import tactical_service
from grandmodel.wiring.system import build_system

OUT = Path(__file__).parent / "results" / "tactical_latency.json"
HISTORY_BARS, WARM_UP = 6_000, 1_000
LIMITS_MS: dict[str, float | None] = {
    "matrix": 10.0,
    "inference": 30.0,
    "aggregation": 5.0,
    "command": None,
    "decision": 100.0,
}
OURS_MS = 1.0  # of the whole decision
POSITIONS = (0, 1, -1)

Stamp = tuple[float, float]  # wall clock, processor, seconds


def planted_bars(count: int) -> Bars:
    """The five-minute market with planted gaps."""
    settings = SyntheticConfig(
        world="gaps",
        train_bars=count,
        validation_paths=1,
        validation_bars=1_000,
        test_paths=1,
        test_bars=1_000,
    )
    return make_dataset(settings).paths[0].bars


def fresh_service(bars: Bars) -> tuple[TacticalFeed, TacticalController]:
    """The shipped tactical team with fresh weights; a threshold of 0, so that it trades."""
    config = typed(compose("train", ["agent=tactical"]), TrainConfig)
    feed = TacticalFeed(config.features, bars.instrument, bars.volume_kind)
    controller = TacticalController(
        build_system(config), feed.snapshot, symbol="planted", tick=0.01, threshold=0.0
    )
    return feed, controller


class Market:
    """Bars one after the other, and a synergy for each of them."""

    def __init__(self, bars: Bars, first: int) -> None:
        self._bars, self._at = bars, first
        self._positions = cycle(POSITIONS)

    def next_bar(self) -> tuple[datetime, float, float, float, float, float]:
        """Return the bar that closes now."""
        bars, at = self._bars, self._at
        self._at += 1
        opened = datetime.fromtimestamp(bars.open_time_ns[at] / 1e9, UTC)
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        opens, high, low, close, volume = (float(values[at]) for values in columns)
        return opened, opens, high, low, close, volume

    def holding(self, close: float) -> Holding:
        """Return the account to decide with."""
        position = next(self._positions)
        return Holding(position, 0.999 * close, 12 * abs(position), 0.01)


def event_at(opened: datetime) -> SynergyEvent:
    """Return a synergy that was completed by the bar."""
    return SynergyEvent("TYPE_2", 1, 0.7, [], {}, opened + timedelta(minutes=5))


def whole(feed: TacticalFeed, controller: TacticalController, market: Market) -> list[Stamp]:
    """Time a decision through the public calls alone."""
    bar = market.next_bar()
    feed.holding, event = market.holding(bar[4]), event_at(bar[0])
    start = _now()
    found = feed.close_bar(*bar)
    command = controller.on_synergy_detected(found or event)
    end = _now()
    if command["action"] == "hold" and "metadata" not in command:
        raise RuntimeError(f"nothing was decided: {command}")
    return [start, end]


def staged(feed: TacticalFeed, controller: TacticalController, market: Market) -> list[Stamp]:
    """Time the stages of a decision."""
    bar = market.next_bar()
    feed.holding, event = market.holding(bar[4]), event_at(bar[0])
    stamps = [_now()]
    feed.close_bar(*bar)
    seen = feed.snapshot()
    stamps.append(_now())
    synergy = controller.in_sight(event, seen)
    odds = controller.probabilities(synergy, seen)
    stamps.append(_now())
    votes = most_probable(odds)
    tally = controller.tally(synergy, seen, votes, odds)
    stamps.append(_now())
    controller.command(synergy, seen, tally, votes, odds)
    stamps.append(_now())
    return stamps


def milliseconds(run: Callable[[], list[Stamp]], decisions: int) -> NDArray[np.float64]:
    """Return how long each stage of each decision took after a warm-up, [stage, decision, 2]."""
    for _ in range(WARM_UP):
        run()
    stamps = np.array([run() for _ in range(decisions)])
    return 1e3 * np.diff(stamps, axis=1).swapaxes(0, 1)


def figures(times: NDArray[np.float64], limit: float | None) -> dict[str, float | None]:
    """Return percentiles of one stage [decision, (wall, processor)] and broken limits."""
    wall, processor = times.T
    found = {f"p{q}_ms": round(float(np.percentile(wall, q)), 3) for q in (50, 95, 99)}
    return found | {
        "max_ms": round(float(wall.max()), 3),
        "p99_processor_ms": round(float(np.percentile(processor, 99)), 3),
        "violations": 0 if limit is None else int((wall > limit).sum()),
        "limit_ms": limit,
    }


def measure(run: str | None, decisions: int) -> dict[str, dict[str, float | None]]:
    """Return the figures of all stages."""
    bars = planted_bars(HISTORY_BARS + 2 * (decisions + WARM_UP))
    if run is None:
        feed, controller = fresh_service(bars)
    else:
        service = tactical_service(run, volume_kind=bars.volume_kind)
        feed, controller = service.feed, service.controller
    feed.follow(bars.slice(0, HISTORY_BARS))
    market = Market(bars, HISTORY_BARS)
    both = milliseconds(lambda: whole(feed, controller, market), decisions)
    parts = milliseconds(lambda: staged(feed, controller, market), decisions)
    return {
        name: figures(times, limit)
        for (name, limit), times in zip(LIMITS_MS.items(), [*parts, *both], strict=True)
    }


def show(found: dict[str, dict[str, float | None]], console: Console) -> None:
    """Print a table."""
    columns = list(next(iter(found.values())))
    table = Table("stage", *(name.replace("_", " ") for name in columns))
    for name, values in found.items():
        cells = ("-" if values[column] is None else f"{values[column]:g}" for column in columns)
        table.add_row(name, *cells)
    console.print(table)
    passed = (found["decision"]["p99_ms"] or 0.0) < OURS_MS
    console.print(f"whole decision p99 under {OURS_MS:g} ms: {'yes' if passed else 'NO'}")


def hardware() -> dict[str, str | int | float]:
    """Tell the machine."""
    return {
        "processor": next(_processor_names(), platform.machine()),
        "cores": os.cpu_count() or 1,
        "threads": 1,
        "load_1min": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
    }


def _processor_names() -> Iterator[str]:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else []:
        if line.startswith("model name"):
            yield line.split(":", 1)[1].strip()


def _now() -> Stamp:
    return perf_counter(), thread_time()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=20_000)
    parser.add_argument("--run", help="folder of a trained run; otherwise fresh weights")
    given = parser.parse_args()
    torch.set_num_threads(1)
    machine = hardware()
    found = measure(given.run, given.decisions)
    show(found, Console())
    record = {"decisions": given.decisions, "hardware": machine, "stages": found}
    OUT.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
