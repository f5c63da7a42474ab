"""Which trial a judgement is: two of them that cannot differ are one."""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from grandmodel.evaluation.trials.ledger import Trial, config_hash
from grandmodel.market.dataset import Dataset


def trial_of(config: DictConfig, dataset: Dataset, split: str, start_weights: str | None) -> Trial:
    """Return the trial of judging ``config`` on a split.

    Args:
        config: the whole configuration.
        dataset: the bars.
        split: which of them were judged.
        start_weights: content of the checkpoint that the training began with; it stands for the
            folder of ``init_from``, which may have moved or hold another run by now.
    """
    given = deciding(config, dataset.fingerprint, start_weights)
    named = given["data"]["split"]["name"]
    return Trial(
        config=config_hash(given),
        data=dataset.bars_fingerprint,
        split=split if named is None else f"{named}/{split}",
        seed=int(given["seed"]),
        origin=origin_of(dataset),
    )


def deciding(config: DictConfig, market: str, start_weights: str | None) -> dict[str, Any]:
    """Return settings as the hash of a trial reads them.

    Args:
        config: the whole configuration.
        market: fingerprint of bars and instrument: costs as they were found, not as given.
        start_weights: content of the checkpoint that the training began with.
    """
    settings = OmegaConf.to_container(config, resolve=True)
    assert isinstance(settings, dict)  # noqa: S101 - narrows the type of a mapping
    given = {str(key): value for key, value in settings.items()}
    given["instrument"] = market
    if start_weights is not None:
        given["init_from"] = start_weights
    return given


def trained_as(config: DictConfig, facts: Mapping[str, Any]) -> str:
    """Return the hash of the settings, bars and start weights that a run was trained with.

    Args:
        config: the run's whole configuration.
        facts: its ``run.json``.
    """
    return config_hash(deciding(config, facts["data_fingerprint"], facts.get("start_weights")))


def origin_of(dataset: Dataset) -> str | None:
    """Return the fingerprint of the file that bars were cut or made from, None for the whole."""
    root = dataset.root_fingerprint
    return None if root == dataset.bars_fingerprint else root


def facts_of(agent: str, dataset: Dataset) -> dict[str, Any]:
    """Return what a line of the ledger says beside the trial itself, for whoever searches it."""
    return {"agent": agent, "instrument": dataset.instrument.name}
