"""From the data sections to a dataset, its tape and the stretches of each split."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

import grandmodel
from grandmodel.core.checks import require
from grandmodel.core.types import Segment
from grandmodel.evaluation.trials.overlap import DayPrints, UsedSpan
from grandmodel.features.build import load_or_build_tape
from grandmodel.features.evidence import (
    LEAST_SYNERGIES,
    SYNERGY_COLUMNS,
    constant_columns,
    count_synergies,
    has_evidence,
    without_synergies,
)
from grandmodel.features.extras.catalogue import EXTRAS, near_matches
from grandmodel.features.matrix import TEMPORAL
from grandmodel.features.tape import Tape
from grandmodel.features.watch import SynergyWatch
from grandmodel.market.bars import Bars
from grandmodel.market.bootstrap import bootstrap_dataset
from grandmodel.market.calendar import sessions_per_year
from grandmodel.market.carry import carry_facts
from grandmodel.market.config import DataConfig
from grandmodel.market.dataset import Dataset, instrument_facts
from grandmodel.market.instruments import Instrument, instrument_for
from grandmodel.market.load import load_dataset
from grandmodel.market.readers.formats import read_bars
from grandmodel.market.splits import Span, cut_segments, warmup_of
from grandmodel.market.stress.config import parse_stress
from grandmodel.market.stress.lay import lay_stress
from grandmodel.market.stretches import lay_stretches, one_history
from grandmodel.market.synthetic.dataset import make_dataset
from grandmodel.wiring.extend import own_reader, with_own_columns
from grandmodel.wiring.schema import MarketSections
from grandmodel.wiring.sections import InstrumentConfig

INSTRUMENT_DIR = Path(grandmodel.__file__).parents[1] / "conf" / "instrument"
NO_FILE = "auto"
USES = {"train": "training", "validation": "selection", "test": "test"}


@dataclass(frozen=True)
class Stage:
    """What a system is trained or judged on: bars, features and which of them may be used."""

    dataset: Dataset
    tape: Tape
    synergies_seen: bool = True  # False: too few in training, their columns are 0

    def to(self, device: torch.device) -> "Stage":
        """Return the stage with its tape on ``device``."""
        return replace(self, tape=self.tape.to(device))

    @property
    def sessions_per_year(self) -> float:
        """Trading sessions of the instrument's calendar in a year."""
        return sessions_per_year(self.dataset.instrument)

    def segments(self, split: str, count: int) -> list[Segment]:
        """Cut a split into about ``count`` stretches of tape rows over all its paths.

        Raises:
            UserError: the split is empty.
        """
        spans = self.dataset.splits.get(split, ())
        require(
            len(spans) > 0, f"there are no bars of split={split}; the bars given have none to judge"
        )
        return self.cut(spans, count)

    def cut(self, spans: Sequence[Span], count: int) -> list[Segment]:
        """Cut ``spans`` at session edges into about ``count`` stretches of tape rows."""
        session = self.tape.session.cpu().numpy()
        found: list[Segment] = []
        for span in spans:
            offset = self.tape.path_start(span.path)
            start, stop = offset + span.start, offset + span.stop
            pieces = cut_segments(session, start, stop, max(1, count // len(spans)))
            before = sum(it.path == span.path for it in found)  # of an earlier span of the path
            found += [
                Segment(first, last, span.path, number)
                for number, (first, last) in enumerate(pieces, start=before)
            ]
        return found

    def learned_after_test(self) -> bool:
        """Whether training or selection has bars after some of the test, on one history."""
        divided = self.dataset.origin or self.dataset
        learned = [*divided.splits.get("train", ()), *divided.splits.get("validation", ())]
        return len(divided.paths) == 1 and any(
            span.start >= test.stop for span in learned for test in divided.splits.get("test", ())
        )

    def used(self, split: str, run: str) -> list[UsedSpan]:
        """Return times and bars of a split, for the seal; planted bars are nobody's to seal.

        Of bars that were made from others, those others count.
        """
        found = []
        source = self.dataset.origin or self.dataset
        for span in source.splits.get(split, ()):
            bars = source.paths[span.path].bars
            closes = bars.close_time_ns
            start, end = int(bars.open_time_ns[span.start]), int(closes[span.stop - 1])
            days = DayPrints() if self.dataset.synthetic else DayPrints.of(bars, start, end)
            name = self.dataset.instrument.name
            found.append(UsedSpan(name, start, end, USES[split], run, days))
        return found

    def facts(self) -> dict[str, Any]:
        """Return what ``run.json`` says about the bars."""
        bars, root = self.dataset.paths[0].bars, self.dataset.root_fingerprint
        return {
            "bars_fingerprint": self.dataset.bars_fingerprint,
            "inputs_fingerprint": self.dataset.inputs_fingerprint,
            "data_fingerprint": self.dataset.fingerprint,
            "data_source": bars.source,
            "origin_fingerprint": None if root == self.dataset.bars_fingerprint else root,
            "first_bar": str(bars.open_time_ns[:1].astype("datetime64[ns]")[0]),
            "bars": sum(len(path.bars) for path in self.dataset.paths),
            "volume_kind": bars.volume_kind,
            "adjustment": bars.adjustment,
            "holding": carry_facts(bars),
            "instrument": self.dataset.instrument.summary(),
            "instrument_facts": instrument_facts(self.dataset.instrument),
            "data_notes": list(self.dataset.notes),
        }


def shipped_instruments() -> dict[str, Instrument]:
    """Return every instrument of conf/instrument by name."""
    found = {}
    for file in sorted(INSTRUMENT_DIR.glob("*.yaml")):
        if file.stem == NO_FILE:
            continue
        facts = OmegaConf.to_container(OmegaConf.load(file))
        found[file.stem] = Instrument(**{str(key): value for key, value in dict(facts).items()})  # pyright: ignore
    return found


def choose_instrument(given: InstrumentConfig, path: str | None) -> Instrument:
    """Return the instrument of the bars: named by the user, else by the file, else generic.

    Raises:
        UserError: the name is unknown or a given fact is impossible.
    """
    facts = given.given()
    name = facts.pop("name", None)
    known = shipped_instruments()
    if name is not None and name not in known and facts:
        return Instrument(name=name, **facts)  # an instrument file of the user's own
    return replace(instrument_for(name, path, known), **facts)


def build_dataset(config: MarketSections, *, max_hold_bars: int, episode_bars: int) -> Dataset:
    """Read or draw the bars that ``config.data`` describes.

    Raises:
        UserError: the bars cannot be read, or are too few for the warm-up and one episode.
    """
    minutes, stretches = config.features.minutes, config.data.split.stretches
    if config.data.kind == "synthetic":
        given = config.instrument.given()
        require(
            not given,
            f"instrument.{next(iter(given), '')} is not read by data.kind=synthetic; planted "
            "markets bring their own instrument, set data.cost_bps for its costs",
        )
        dataset = draw_dataset(config)
        require(
            dataset.minutes == minutes,
            f"data.world={config.data.world} is decided on every {dataset.minutes} minutes and the "
            f"agents on bars of {minutes}: set features.minutes={dataset.minutes} with agents for "
            "it (agent=tactical: 5), or take another data.world",
        )
        return lay_stretches(one_history(dataset), stretches) if stretches else dataset
    dataset = read_dataset(
        config,
        purge_bars=max_hold_bars + 1,
        min_bars=warmup_of(minutes) + episode_bars + 1,
        whole=bool(stretches),
    )
    return lay_stretches(dataset, stretches) if stretches else dataset


def draw_dataset(config: MarketSections) -> Dataset:
    """Draw a synthetic market, with the stress that is asked for."""
    return _stressed(
        make_dataset(config.data, SynergyWatch, minutes=config.features.minutes), config
    )


def _stressed(dataset: Dataset, config: MarketSections) -> Dataset:
    return lay_stress(dataset, parse_stress(config.data.stress), config.data.on_defect)


def read_dataset(
    config: MarketSections, *, seen: Callable[[Bars], None] | None = None, **settings: Any
) -> Dataset:
    """Read the bars of a file; ``settings`` are those of :func:`load_dataset`.

    ``seen`` is shown the bars of the file before they are made longer and split.
    """
    instrument = choose_instrument(config.instrument, config.data.path)
    reader = own_reader(config.data.reader) if config.data.kind == "custom" else read_bars

    def read(data: DataConfig, chosen: Instrument) -> Bars:
        bars = reader(data, chosen)
        if seen is not None:
            seen(bars)
        return bars

    data = config.data
    if data.kind == "bootstrap":
        require(
            data.path is not None,
            "data.path is missing: data=bootstrap resamples a file, give data.path=FILE",
        )
        data = replace(data, kind=NO_FILE)
    minutes = config.features.minutes
    dataset = load_dataset(data, instrument, reader=read, minutes=minutes, **settings)
    if config.data.kind == "bootstrap":
        dataset = bootstrap_dataset(dataset, data.bootstrap, data.seed)
    return _stressed(dataset, config)


def build_stage(
    config: MarketSections,
    *,
    max_hold_bars: int,
    episode_bars: int,
    columns: Sequence[str] = (),
) -> Stage:
    """Build dataset and tape; ``columns`` are the feature columns that will be read."""
    dataset = build_dataset(config, max_hold_bars=max_hold_bars, episode_bars=episode_bars)
    return stage_of(dataset, config, columns)


def stage_of(
    dataset: Dataset,
    config: MarketSections,
    columns: Sequence[str] = (),
    *,
    synergies: bool | None = None,
) -> Stage:
    """Make the tape of a dataset, or take it from the cache.

    Args:
        dataset: bars and splits.
        config: features and cache folder.
        columns: feature columns that will be read.
        synergies: whether the team was trained with them; None: told from the training bars.

    Raises:
        UserError: a column that will be read does not exist.
    """
    dataset = with_own_columns(dataset, config.features)
    cache = Path(config.paths.cache) if config.data.cache else None
    tape = load_or_build_tape(dataset, config.features, cache)
    require_columns(columns, tape.columns)
    train = dataset.splits.get("train", ())
    dataset = replace(dataset, notes=(*dataset.notes, *_still(tape, train, columns)))
    if synergies is None:
        synergies = dataset.synthetic or not train or has_evidence(tape, train)
    if synergies:
        return Stage(dataset, tape)
    note = "synergy: no evidence possible in the training bars; its columns are 0"
    if train:
        found = count_synergies(tape, train)
        note = (
            f"synergy: no evidence possible, {found} in the training bars ({LEAST_SYNERGIES} are "
            "needed); its columns are 0"
        )
    dataset = replace(dataset, notes=(*dataset.notes, note))
    return Stage(dataset, without_synergies(tape), synergies_seen=False)


def require_columns(asked: Sequence[str], there: Sequence[str]) -> None:
    """Refuse columns that do not exist, naming those that may have been meant.

    Raises:
        UserError: a column of ``asked`` is not ``there``.
    """
    for name in asked:
        near = near_matches(name, (*there, *TEMPORAL, *EXTRAS))
        require(
            name in there,
            f"agent.members: there is no column {name}{near}; docs/columns.md lists what inputs "
            "and context may name, and features.own adds columns of your own",
        )


def _still(tape: Tape, train: Sequence[Span], columns: Sequence[str]) -> list[str]:
    """Return the note that names columns from which nothing can be learned."""
    asked = [name for name in columns if name not in SYNERGY_COLUMNS]
    still = constant_columns(tape, train, asked) if train else []
    if not still:
        return []
    return [
        f"columns that agents read never change in the training bars: {', '.join(still)}; "
        "nothing can be learned from them (too few bars, or bars without volume)"
    ]
