"""Lightning's part: fresh rollouts, our own counters, precision, validation, early stopping."""

from contextlib import nullcontext

import pytest
import torch
from learning_worlds import train, world
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from torch.utils.data import IterableDataset

from grandmodel.core.checks import UserError
from grandmodel.learning import checkpoint
from grandmodel.learning.lightning import datamodule
from grandmodel.learning.lightning.module import MappoModule
from grandmodel.learning.lightning.state import Validations

ROWS = 64 * 16


def fingerprint(team) -> float:
    return sum(parameter.detach().double().sum().item() for parameter in team.parameters())


class Watch(Callback):
    """Notes the weights after each update."""

    def __init__(self, team) -> None:
        self.team = team
        self.after_update = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.after_update.append(fingerprint(self.team))


def collected_and_updated(tmp_path, rollouts=4):
    """Weights with which each rollout was collected, and those after each update."""
    made = world()
    watch, at_collection = Watch(made.team), []
    collect = made.collector.collect

    def noted(cost_scale=1.0):
        at_collection.append(fingerprint(made.team))
        return collect(cost_scale)

    made.collector.collect = noted
    train(made, tmp_path, rollouts, callbacks=[watch])
    return at_collection, watch.after_update


def test_every_rollout_is_collected_with_the_weights_of_the_last_update(tmp_path):
    at_collection, after_update = collected_and_updated(tmp_path)
    assert len(set(after_update)) == 4
    assert at_collection[1:] == after_update[:-1]


def test_without_a_length_rollouts_would_be_one_update_old(tmp_path, monkeypatch):
    class Endless(IterableDataset):
        def __init__(self, collect, remaining):
            self.collect, self.remaining = collect, remaining

        def __iter__(self):
            for _ in range(self.remaining()):
                yield self.collect()

    monkeypatch.setattr(datamodule, "Rollouts", Endless)
    at_collection, after_update = collected_and_updated(tmp_path)
    assert at_collection[1:] != after_update[:-1]


def test_steps_are_environment_steps_in_whole_rollouts(tmp_path):
    made = world()
    result = train(made, tmp_path, 0, total_steps=2 * ROWS + 1)
    assert result.env_steps == 3 * ROWS
    state = checkpoint.load(tmp_path / "last.ckpt")
    assert state["env_steps"] == 3 * ROWS
    assert state["training"]["total_steps"] == 3 * ROWS
    assert result.best is None
    assert set(state["state_dict"]) == set(made.team.state_dict())


def test_costs_and_rates_follow_their_schedules(tmp_path):
    made = world()
    made.learner.config.costs.start, made.learner.config.costs.share = 0.2, 0.5
    scales, rates = [], []

    class Note(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            scales.append(made.env.cost_scale)
            rates.append([group["lr"] for group in trainer.optimizers[0].param_groups])

    train(made, tmp_path, 4, callbacks=[Note()])
    assert scales == pytest.approx([0.2, 0.6, 1.0, 1.0])
    expected = [made.learner.config.learning_rates(done / 4) for done in range(4)]
    assert rates == [pytest.approx(list(pair)) for pair in expected]


def test_bf16_trains_and_collects_under_the_same_precision(tmp_path):
    made = world()
    ratios = []
    original = made.learner._policy_loss

    def noted(batch, learner, rows, share):
        loss = original(batch, learner, rows, share)
        ratios.append(made.learner.statistics._values[f"kl/{made.learner.learners[learner]}"][-1])
        return loss

    made.learner._policy_loss = noted
    acting, under = made.seats.acting, []

    def acting_noted(masks):
        under.append(torch.is_autocast_enabled("cpu"))
        return acting(masks)

    made.seats.acting = acting_noted
    before = fingerprint(made.team)
    train(made, tmp_path, 2, precision="bf16-mixed")
    assert fingerprint(made.team) != before
    assert under == [True, True]
    assert ratios[0] < 1e-4
    assert max(ratios) > 1e-4  # updates within a rollout do move the probabilities


def test_fp16_on_the_cpu_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"trainer\.precision=16-mixed needs a GPU"):
        train(world(), tmp_path, 1, precision="16-mixed")


class Norms(Callback):
    """Notes gradient norms where a scaled gradient would show."""

    def __init__(self, team) -> None:
        self.team, self.norms = team, []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        grads = [p.grad for p in self.team.critic.parameters() if p.grad is not None]
        self.norms.append(torch.stack([grad.norm() for grad in grads]).norm().item())


def scaled_training(scaler):
    """Train two rollouts with or without a gradient scaler, in float32 arithmetic."""
    made = world(grad_clip=0.05)
    module = MappoModule(made.learner, 2 * ROWS)
    data = datamodule.RolloutDataModule(made.collector, cost_scale=lambda: 1.0, remaining=lambda: 2)
    norms = Norms(made.team)
    plugin = MixedPrecision("16-mixed", "cpu", scaler) if scaler else Precision()
    if scaler:
        plugin.autocast_context_manager = nullcontext
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        plugins=[plugin],
        callbacks=[norms],
    )
    trainer.fit(module, datamodule=data)
    return made, norms.norms, trainer.optimizers[0]


@pytest.mark.filterwarnings("ignore")
def test_gradients_are_clipped_after_the_unscale():
    plain, norms, optimiser = scaled_training(None)
    scaled, scaled_norms, scaled_optimiser = scaled_training(torch.amp.GradScaler("cpu"))
    assert optimiser.param_groups[0]["fused"]
    assert not scaled_optimiser.param_groups[0]["fused"]  # a fused step would unscale too late
    assert all("gradient/critic" in m.learner.statistics.means() for m in (plain, scaled))
    assert scaled_norms == pytest.approx(norms, rel=1e-3)
    assert fingerprint(scaled.team) == pytest.approx(fingerprint(plain.team), rel=1e-4)


def scripted(scores):
    """A validation that returns given scores in turn, and the weights it saw."""
    seen = []

    def validate(team):
        seen.append(fingerprint(team))
        return {"score": scores[len(seen) - 1], "gate": 0.1 * len(seen)}

    return validate, seen


def test_best_is_the_highest_and_of_equals_the_later(tmp_path):
    validate, seen = scripted([1.0, 3.0, 2.0, 3.0, 0.0])
    made = world()
    result = train(made, tmp_path, 5, validate=validate, validate_every=ROWS)
    assert [row["env_steps"] for row in result.validations] == [ROWS * k for k in range(1, 6)]
    best = checkpoint.load(tmp_path / "best.ckpt")
    assert best["env_steps"] == 4 * ROWS == result.best_row["env_steps"]
    assert best["gate"] == pytest.approx(0.4)
    assert best["best_score"] == 3.0
    other = world(seed=8)
    other.team.load_state_dict(best["state_dict"])
    assert fingerprint(other.team) == seen[3]


def test_validation_changes_nothing(tmp_path):
    made, alone = world(), world()
    validate, _ = scripted([0.0] * 9)
    train(made, tmp_path / "a", 4, validate=validate, validate_every=ROWS)
    train(alone, tmp_path / "b", 4)
    assert fingerprint(made.team) == fingerprint(alone.team)


def test_validation_comes_every_so_many_steps_and_at_the_end(tmp_path):
    validate, _ = scripted([0.0] * 9)
    result = train(world(), tmp_path, 5, validate=validate, validate_every=2 * ROWS + 5)
    assert [row["env_steps"] for row in result.validations] == [3 * ROWS, 5 * ROWS]


def test_training_stops_where_nothing_improves(tmp_path):
    validate, _ = scripted([1.0, 0.5, 0.4, 9.0, 9.0, 9.0])
    plan = {"validate": validate, "validate_every": ROWS, "patience": 2}
    result = train(world(), tmp_path, 6, **plan)
    assert result.env_steps == 3 * ROWS
    assert not result.interrupted
    again = train(world(), tmp_path, 6, resume=True, **plan)
    assert again.env_steps == 3 * ROWS


def test_validations_know_the_best_and_its_age():
    validations = Validations()
    assert validations.best is None
    assert validations.since_best == 0
    assert validations.add({"score": 1.0})
    assert not validations.add({"score": 0.5})
    assert validations.since_best == 1
    assert validations.add({"score": 1.0})
    assert validations.since_best == 0
