"""What a classifier makes of the policy's own inputs: labels, fit, threshold and account.

Source: `docs/definitions.md`, Learned baselines.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from grandmodel.core.checks import UserError
from grandmodel.core.files import atomic_path, write_json
from grandmodel.core.types import ObservationSpec, Segment
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.scripted import Desk
from grandmodel.evaluation.accounts.track import Track
from grandmodel.evaluation.references.rules import Hysteresis, Tuned, hysteresis_grid, tune
from grandmodel.evaluation.references.students import InputsOf
from grandmodel.evaluation.references.tuned import segment_positions, union_inputs
from grandmodel.features.tape import Tape

if TYPE_CHECKING:  # a second to load, which nobody else need wait for
    from sklearn.ensemble import HistGradientBoostingClassifier

BOOSTING = {
    "max_iter": 200,
    "learning_rate": 0.05,
    "max_leaf_nodes": 31,
    "min_samples_leaf": 200,
    "l2_regularization": 1.0,
    "early_stopping": False,
}
BLOCK_ROWS = 65_536
MODEL_FILE, RULE_FILE = "model.skops", "rule.json"
TRUSTED = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)


@dataclass(frozen=True)
class Supervised:
    """A fitted classifier and the thresholds under which it trades."""

    model: "HistGradientBoostingClassifier | None"  # None: all labels were one
    rule: Hysteresis | None  # None: no thresholds earned on validation, it never trades
    horizon_bars: int
    sharpe_where_tuned: float
    tried: int
    made_by: dict[str, str | None] = field(default_factory=dict)  # version and commit of the code

    def setting(self) -> dict[str, Any]:
        """Return what tables and files tell of it."""
        told = {key: getattr(self, key) for key in ("horizon_bars", "sharpe_where_tuned", "tried")}
        rule = {} if self.rule is None else asdict(self.rule)
        return told | {"enter": rule.get("enter"), "exit": rule.get("exit")}


def holding_bars(exposure: float | None, turnover: float | None, most: int) -> int:
    """Return the mean holding time of a policy, 2 x exposure / turnover, in [1, most] bars.

    A policy that did not trade gets the longest.
    """
    if not exposure or not turnover:
        return most
    return int(np.clip(round(2.0 * exposure / turnover), 1, most))


def net_labels(desk: Desk, horizon_bars: int) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Return decisions and the side that paid: 1 long, -1 short, 0 neither after costs.

    A position is entered at the fill of the decision and left `horizon_bars` later, or where the
    session edge sends it flat before. Purged: decisions whose exit lies outside their segment
    have no label, nor have those that may not enter.

    Args:
        desk: the training segments.
        horizon_bars: how long positions are held.

    Returns:
        Rows of the desk [label], and labels [label].
    """
    gain, cost = desk.fill_returns()
    refused, must_be_flat = desk.entry_limits()
    rows, found = [], []
    for k in range(len(desk.segments)):
        part = desk.rows_of(k)
        last = part.stop - 1
        enter = np.flatnonzero(~(refused | must_be_flat)[part.start : last]) + part.start
        edges = np.append(np.flatnonzero(must_be_flat[part.start : last]) + part.start, last + 1)
        leave = np.minimum(enter + horizon_bars, edges[np.searchsorted(edges, enter, "right")])
        enter, leave = enter[leave <= last], leave[leave <= last]
        level = np.concatenate([[0.0], np.cumsum(np.log1p(gain[part]))])
        grown = np.expm1(level[leave - part.start] - level[enter - part.start])
        paid = cost[enter] + cost[leave] * (1.0 + grown)
        short = 0 if desk.tape.instrument.long_only else -1
        rows.append(enter)
        found.append(np.where(grown > paid, 1, np.where(-grown > paid, short, 0)))
    return np.concatenate(rows), np.concatenate(found).astype(np.int8)


def fit_classifier(
    inputs: NDArray[np.float32], labels: NDArray[np.int8], seed: int
) -> "HistGradientBoostingClassifier | None":
    """Fit gradient-boosted trees to labels [row]; None where there is one kind of them."""
    if len(np.unique(labels)) < 2:
        return None
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingClassifier(**BOOSTING, random_state=seed)
    with threadpool_limits(torch.get_num_threads(), "openmp"):
        return model.fit(inputs, labels)


def signal_at(
    model: "HistGradientBoostingClassifier | None", inputs_of: InputsOf, rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return P(long pays) - P(short pays) at tape rows, float64 [row]; 0 without a model."""
    if model is None:
        return np.zeros(len(rows))
    from threadpoolctl import threadpool_limits

    sides = np.asarray(model.classes_, np.float64)
    with threadpool_limits(torch.get_num_threads(), "openmp"):
        parts = [
            model.predict_proba(inputs_of(part).numpy()) @ sides
            for part in torch.from_numpy(rows).split(BLOCK_ROWS)
        ]
    return np.concatenate(parts)


def fit_supervised(
    tape: Tape,
    union: ObservationSpec,
    training: Sequence[Segment],
    validation: Sequence[Segment],
    env: EnvConfig,
    *,
    horizon_bars: int,
    minimum_round_trips: int,
    seed: int,
    sd_floor: float,
) -> Supervised:
    """Fit on the training bars and choose thresholds by net Sharpe on the validation bars.

    Args:
        tape: the bars.
        union: what the team's critic sees of the market.
        training: segments to learn from.
        validation: segments to choose on.
        env: the policy's settings, its longest holding time included.
        horizon_bars: how long a labelled position is held.
        minimum_round_trips: thresholds that enter less often on validation are not chosen.
        seed: of the classifier.
        sd_floor: smallest trailing sd, read by size=vol_target.
    """
    tape = tape.to("cpu")
    inputs_of = union_inputs(tape, union)
    desk = Desk(tape, training, env, sd_floor=sd_floor)
    rows, labels = net_labels(desk, horizon_bars)
    inputs = inputs_of(torch.from_numpy(desk.bar[rows])).numpy()
    model = fit_classifier(inputs, labels, seed)
    there = Desk(tape, validation, env, sd_floor=sd_floor)
    tuned = _tune(there, signal_at(model, inputs_of, there.bar), minimum_round_trips)
    rule = tuned.rule if tuned.sharpe > 0.0 else None
    return Supervised(model, rule, horizon_bars, max(0.0, tuned.sharpe), tuned.tried)


def _tune(desk: Desk, signal: NDArray[np.float64], minimum_round_trips: int) -> Tuned:
    """Return the best thresholds of the grid that enter often enough."""

    def sharpe_of(rules: list[Hysteresis]) -> NDArray[np.float64]:
        wanted = segment_positions(desk, signal, rules)
        entries = ((np.diff(wanted, prepend=0) != 0) & (wanted != 0)).sum(axis=1)
        return np.where(entries >= minimum_round_trips, desk.sharpe(wanted), -np.inf)

    return tune(hysteresis_grid(signal, both_signs=False), sharpe_of)


def run_supervised(
    found: Supervised,
    tape: Tape,
    union: ObservationSpec,
    segments: Sequence[Segment],
    env: EnvConfig,
    *,
    sd_floor: float,
) -> Track:
    """Return the account of a fitted classifier on other bars; arguments as in fit_supervised."""
    tape = tape.to("cpu")
    desk = Desk(tape, segments, env, sd_floor=sd_floor)
    if found.rule is None:
        return desk.track(np.zeros(len(desk), np.int8))
    signal = signal_at(found.model, union_inputs(tape, union), desk.bar)
    return desk.track(segment_positions(desk, signal, [found.rule])[0])


def save_supervised(found: Supervised, folder: Path) -> None:
    """Write model and rule; the rule comes last: where it is, the model is too."""
    import skops.io

    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / MODEL_FILE) as temporary:
        skops.io.dump(found.model, temporary)
    told = {key: value for key, value in vars(found).items() if key != "model"}
    told["rule"] = None if found.rule is None else asdict(found.rule)
    write_json(folder / RULE_FILE, told)


def load_supervised(folder: Path) -> Supervised | None:
    """Read what :func:`save_supervised` wrote; None where nothing was.

    Raises:
        UserError: the files are damaged.
    """
    if not (folder / RULE_FILE).exists():
        return None
    import skops.io

    try:
        told = json.loads((folder / RULE_FILE).read_text())
        rule = None if told["rule"] is None else Hysteresis(**told["rule"])
        model = skops.io.load(folder / MODEL_FILE, trusted=list(TRUSTED))
        return Supervised(**(told | {"model": model, "rule": rule}))
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise UserError(
            f"{folder} is damaged and its classifier cannot be read; remove the folder, it is "
            "fitted again"
        ) from error
