"""Objects of the user's own, named by `_target_` in the configuration (docs/extend.md)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from hydra.errors import InstantiationException
from hydra.utils import get_method, instantiate

from grandmodel.core.checks import UserError, require
from grandmodel.envs.reward import OwnTerm
from grandmodel.features.arrays import path_arrays
from grandmodel.features.config import FeatureConfig
from grandmodel.features.extras.catalogue import EXTRAS
from grandmodel.features.matrix import tape_columns
from grandmodel.market.bars import Bars
from grandmodel.market.calendar import session_table
from grandmodel.market.config import DataConfig
from grandmodel.market.dataset import Dataset
from grandmodel.market.instruments import Instrument
from grandmodel.market.load import Reader

SHAPE_RULE = "must return one finite value per bar"


def own_reader(settings: Mapping[str, Any] | None) -> Reader:
    """Return the reader that ``data.reader._target_`` names.

    Raises:
        UserError: nothing is named, or it cannot be imported.
    """
    target = (settings or {}).get("_target_")
    require(
        target is not None,
        "data.reader._target_ is missing: data.kind=custom needs the dotted name of a function",
    )
    return _named_reader(str(target), _function("data.reader._target_", str(target)))


def _named_reader(target: str, reader: Reader) -> Reader:
    """Return the reader with errors of its own turned into one sentence."""

    def read(config: DataConfig, instrument: Instrument) -> Bars:
        place = f"data.reader._target_={target} with data.path={config.path}"
        try:
            bars = reader(config, instrument)
        except UserError:
            raise
        except Exception as error:  # code of the user's own may raise anything
            said = " ".join(str(error).split())
            raise UserError(
                f"{place} failed: {type(error).__name__}: {said}; mend the reader or the file"
            ) from error
        require(
            isinstance(bars, Bars),
            f"{place} must return grandmodel.market.bars.Bars, was {type(bars).__name__}",
        )
        return bars

    return read


def own_terms(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, OwnTerm]:
    """Return the reward terms of ``reward.own``: function, weight and columns by name.

    Raises:
        UserError: a term lacks its function or has keys that nothing reads.
    """
    found = {}
    for name, entry in settings.items():
        key = f"reward.own.{name}"
        unknown = set(entry) - {"_target_", "weight", "columns"}
        require(
            not unknown and "_target_" in entry,
            f"{key} must have _target_ and may have weight and columns, was {sorted(entry)}",
        )
        term = _function(f"{key}._target_", str(entry["_target_"]))
        found[name] = OwnTerm(
            term, float(entry.get("weight", 1.0)), tuple(entry.get("columns") or ())
        )
    return found


def with_own_columns(dataset: Dataset, config: FeatureConfig) -> Dataset:
    """Add the columns of ``features.own`` to the dataset: one indicator each, over every path.

    Raises:
        UserError: an indicator has the name of another column, cannot be built or does not give
            one finite value per bar.
    """
    extra = dict(dataset.extra)
    taken = {*tape_columns(replace(config, extra=[])), *EXTRAS, *extra}
    for name, entry in config.own.items():
        require(
            name not in taken,
            f"features.own.{name} has the name of a column that exists; choose another name",
        )
        columns = []
        for path in dataset.paths:
            indicator = _object(f"features.own.{name}", entry)
            bars = path_arrays(path, session_table(path.bars)).bars
            values = np.asarray(indicator.over(bars)[name], dtype=np.float32)
            fits = values.shape == (len(path.bars),) and bool(np.isfinite(values).all())
            require(fits, f"features.own.{name}: {entry.get('_target_')}.over {SHAPE_RULE}")
            columns.append(values)
        extra[name] = columns
    return replace(dataset, extra=extra)


def own_indicators(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Callable[[], Any]]:
    """Return what builds the indicator of each column of ``features.own``, afresh at each call."""
    return {
        name: partial(_object, f"features.own.{name}", entry) for name, entry in settings.items()
    }


def _function(key: str, target: str) -> Callable[..., Any]:
    try:
        return get_method(target)
    except (ImportError, ValueError, TypeError) as error:
        raise UserError(
            f"{key} must be the dotted name of a function that Python can import from here, was "
            f"{target}; check the name, or add its folder to PYTHONPATH"
        ) from error


def _object(key: str, settings: Mapping[str, Any]) -> Any:
    try:
        return instantiate(settings)
    except InstantiationException as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise UserError(
            f"{key} cannot be built from {settings.get('_target_')}: {reason}; check the name "
            "and its arguments, or add its folder to PYTHONPATH"
        ) from error
