"""What synthetic markets look like: ``python -m grandmodel.commands.worlds [data.path=FILE]``.

Draws a stretch of every world and Monte Carlo source, lays every kind of stress, and writes one
page of pictures and a table; with ``data.path=FILE`` the bars of the file and their block bootstrap
stand beside them.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from grandmodel.core.checks import UserError
from grandmodel.core.files import atomic_path, write_text
from grandmodel.evaluation.report.section import UNKNOWN
from grandmodel.evaluation.report.worlds_page import (
    LONG_KNOWN,
    ShownAct,
    ShownMarket,
    facts_table,
    rounded,
    worlds_page,
)
from grandmodel.market.bars import Bars, resample
from grandmodel.market.dataset import DECISION_MINUTES, Dataset
from grandmodel.market.stress.config import KINDS, parse_stress
from grandmodel.market.stress.lay import lay_stress
from grandmodel.market.stylised import stylised
from grandmodel.market.synthetic.config import WORLD_NAMES
from grandmodel.market.synthetic.dataset import world_words
from grandmodel.market.synthetic.worlds import WORLDS
from grandmodel.wiring.command_line import check_words
from grandmodel.wiring.compose import CONFIG_DIR, compose, typed
from grandmodel.wiring.exit import guarded
from grandmodel.wiring.market import draw_dataset, read_dataset
from grandmodel.wiring.run_folder import fresh_name
from grandmodel.wiring.schema import InspectConfig

DRAWN_BARS = 46_000  # half hours: 1,000 sessions
STRESSED_BARS = 1_400
TABLE_WIDTH = 132  # a table that is cut says nothing
SHOWN_LENGTH = {"volatility_spike": 46, "liquidity_drought": 46, "correlation_break": 46}
MARGIN = 24  # bars shown before and after an act
FRAMED = "textured"  # the world that acts are laid on


def config_of(world: str) -> InspectConfig:
    """Return the configuration of a world as ``data=WORLD`` gives it."""
    own = (CONFIG_DIR / "data" / f"{world}.yaml").exists()
    chosen = f"data={world}" if own else "data=synthetic"
    return typed(compose("inspect", [chosen, f"data.world={world}"]), InspectConfig)


def draw(world: str, **keys: float) -> Dataset:
    """Draw a world with some keys changed; judged paths are short."""
    config = config_of(world)
    least = config.data.warmup_bars + 2
    few = {"validation_paths": 1, "test_paths": 1, "validation_bars": least, "test_bars": least}
    return draw_dataset(replace(config, data=replace(config.data, **(few | keys))))


def draw_market(world: str, seed: int, bars: int) -> ShownMarket:
    """Draw one path of a world; finer bars than half hours are joined."""
    minutes = WORLDS[world].minutes or DECISION_MINUTES
    dataset = draw(world, seed=seed, train_bars=bars * DECISION_MINUTES // minutes)
    path = resample(dataset.paths[0].bars, DECISION_MINUTES)
    return ShownMarket(world, world_words(config_of(world).data), path, stylised(path))


def draw_acts(seed: int) -> list[ShownAct]:
    """Lay every kind of stress on the same bars, one at a time."""
    market = draw(FRAMED, seed=seed, train_bars=STRESSED_BARS, test_bars=STRESSED_BARS)
    before = market.paths[-1].bars
    found = []
    for kind in KINDS:
        given = {"kind": kind}
        if kind in SHOWN_LENGTH:
            given |= {"bars": SHOWN_LENGTH[kind]}
        (act,) = parse_stress(given)
        after = lay_stress(market, [act], on_defect="drop").paths[-1].bars
        row = _first_change(before, after)
        length = SHOWN_LENGTH.get(kind, act.bars)
        start = before.open_time_ns[max(row - MARGIN, 0)]
        stop = before.open_time_ns[min(row + length + MARGIN, len(before) - 1)]
        name = kind.replace("_", " ") + (", left out" if kind == "negative_prices" else "")
        found.append(ShownAct(name, before.between(start, stop), after.between(start, stop)))
    return found


def _first_change(before: Bars, after: Bars) -> int:
    """Return the first row in which two series of bars differ."""
    for row in range(min(len(before), len(after))):
        names = ("open_time_ns", "open", "low", "close", "volume")
        if any(getattr(before, name)[row] != getattr(after, name)[row] for name in names):
            return row
    return 0


def read_markets(config: InspectConfig) -> tuple[ShownMarket, ShownMarket]:
    """Return the block bootstrap of the file and the file itself."""

    def shown(name: str, dataset: Dataset) -> ShownMarket:
        bars = dataset.paths[0].bars
        return ShownMarket(name, dataset.about or bars.source, bars, stylised(bars))

    settings = {"purge_bars": 0, "whole": True}
    plain = replace(config.data, stress=None, events=None, event_currencies=[])
    file = read_dataset(replace(config, data=plain), **settings)
    drawn = read_dataset(replace(config, data=replace(plain, kind="bootstrap")), **settings)
    return shown("bootstrap", drawn), shown(file.instrument.name, file)


def print_facts(markets: Sequence[ShownMarket], console: Console) -> None:
    """Print the table of figures."""
    frame = facts_table(markets)
    frame = frame.drop(columns=list(LONG_KNOWN))
    table = Table(title="half-hour bars", title_justify="left")
    for name in frame.columns:
        table.add_column(name, justify="left" if name == "market" else "right", no_wrap=True)
    for row in frame.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    console.print(table)


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return UNKNOWN
    return rounded(float(str(value)))


def main(overrides: Sequence[str]) -> None:
    """Draw, compare, and write ``worlds.html`` and ``facts.parquet``."""
    check_words(overrides, "data.path")
    config = typed(compose("inspect", overrides), InspectConfig)
    if config.data.kind == "synthetic":
        raise UserError(
            "data= is not read here, where every synthetic market is drawn: give data.path=FILE to "
            "see real bars beside them, and data.seed for other draws"
        )
    parent = str(Path(config.paths.output) / "worlds")
    out = Path(parent) / fresh_name(parent) if config.out is None else Path(config.out)
    console = Console(highlight=False, width=TABLE_WIDTH)
    markets = [draw_market(world, config.data.seed, DRAWN_BARS) for world in WORLD_NAMES]
    real = None
    if config.data.path is not None:
        drawn, real = read_markets(config)
        markets.append(drawn)
    shown = [*markets, *([] if real is None else [real])]
    print_facts(shown, console)
    write_text(out / "worlds.html", worlds_page(markets, draw_acts(config.data.seed), real))
    with atomic_path(out / "facts.parquet") as temporary:
        facts_table(shown).to_parquet(temporary, index=False)
    Console(highlight=False, soft_wrap=True).print(f"run: {out}", markup=False)


if __name__ == "__main__":
    guarded(lambda: main(sys.argv[1:]))
