"""Whether a split holds bars that the weights to be judged were made from."""

from collections.abc import Iterable

from grandmodel.core.checks import UserError
from grandmodel.evaluation.trials.overlap import UsedSpan, refusal
from grandmodel.wiring.market import Stage
from grandmodel.wiring.run_folder import RunFolder

Seen = dict[str, tuple[str, ...]]  # split -> a sentence for each stretch seen before
MADE_FROM = {"validation": ("training",), "test": ("training", "selection")}
ALL_THE_SAME = "allow_overlap=true to look all the same"
BACKTEST_REMEDY = f"give data.start={{later}} or later, or {ALL_THE_SAME}"
# where the user of evaluate.py moved a split
AS_IN_THE_RUN = f"leave data.split and data.start as they were in the run, or give {ALL_THE_SAME}"
START_REMEDIES = {  # of init_from, which has its own splits
    "validation": "give days, data.split.train={later} or later and data.split.validation after it",
    "test": "give days, data.split.validation={later} or later and data.split.train before it",
}


def seen_by_start(stage: Stage, used: Iterable[UsedSpan], run: str, *, allowed: bool) -> Seen:
    """Say which splits hold bars that the start weights were made from.

    Selecting on bars that they were selected on is no new knowledge; all other use is.

    Args:
        stage: bars and splits of the new training.
        used: what the run of the weights, and those before it, used.
        run: folder of that run.
        allowed: whether such splits are judged all the same.

    Raises:
        UserError: there are such bars and they are not allowed.
    """
    seen = {}
    for split, remedy in START_REMEDIES.items():
        maker = f"init_from={run}"
        text = f"{remedy}, or {ALL_THE_SAME}"
        seen[split] = _sentences(stage, split, used, maker, text)
    return _allowed(seen, allowed=allowed)


def seen_by_run(source: RunFolder, stage: Stage, split: str, *, allowed: bool) -> Seen:
    """Say whether a split of a run's own bars holds bars that it was made from.

    Raises:
        UserError: it does and that is not allowed.
    """
    used = [UsedSpan.from_record(record) for record in source.read_run_json().get("used", [])]
    as_trained = {(span.use, span.start_ns, span.end_ns) for span in used}
    moved = any(
        (span.use, span.start_ns, span.end_ns) not in as_trained for span in stage.used(split, "")
    )
    elsewhere = f"judge later bars with backtest.py and data.start={{later}}, or {ALL_THE_SAME}"
    remedy = AS_IN_THE_RUN if moved else elsewhere
    seen = {split: _sentences(stage, split, used, "this run", remedy)}
    return _allowed(seen, allowed=allowed)


def moved_split(source: RunFolder, stage: Stage, split: str) -> tuple[str, ...]:
    """Return a note where a split is not the stretch that a run had set aside for it."""
    if stage.dataset.synthetic:
        return ()
    used = [UsedSpan.from_record(record) for record in source.read_run_json().get("used", [])]
    then = {(span.use, span.start_ns, span.end_ns) for span in used}
    now = {(span.use, span.start_ns, span.end_ns) for span in stage.used(split, "")}
    said = f"split={split} is not the stretch that the run had set aside for it"
    return () if now <= then else (said,)


def _sentences(
    stage: Stage, split: str, used: Iterable[UsedSpan], maker: str, remedy: str
) -> tuple[str, ...]:
    """Return one refusal for each stretch of a split that was seen; planted bars are free."""
    if stage.dataset.synthetic:
        return ()
    makers = [span for span in used if span.use in MADE_FROM[split]]
    found = (refusal(span, makers, remedy, maker) for span in stage.used(split, ""))
    return tuple(f"split={split}: {sentence}" for sentence in found if sentence is not None)


def _allowed(seen: Seen, *, allowed: bool) -> Seen:
    said = [sentence for sentences in seen.values() for sentence in sentences]
    if said and not allowed:
        raise UserError(said[0])
    return seen
