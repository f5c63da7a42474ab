"""The team of a finished run, ready to be judged."""

from grandmodel.learning import checkpoint
from grandmodel.systems.team import Team
from grandmodel.wiring.occasion import Subject
from grandmodel.wiring.run_folder import RunFolder, existing_run
from grandmodel.wiring.system import load_team
from grandmodel.wiring.trial import trained_as


def load_subject(team: Team, folder: RunFolder, sd_floor: float) -> Subject:
    """Put the best checkpoint of a run into ``team`` and read the gate stored with it.

    Raises:
        UserError: the checkpoint is missing, broken or of another agent.
    """
    path = folder.best_checkpoint
    state = checkpoint.load(path, team.initial_weights.device)
    load_team(team, state["state_dict"], str(path))
    row, facts = state["validations"][-1], folder.read_run_json()
    return Subject(
        team=team,
        gate=float(row["gate"]),
        sd_floor=sd_floor,
        env_steps=int(state["env_steps"]),
        env_steps_per_s=None,
        seconds=None,
        start_weights=facts.get("start_weights"),
        trained=trained_as(existing_run(str(folder.path))[1], facts),
        training=facts.get("training", {}),
        gate_sharpes={
            float(name.removeprefix("gate_sharpe_")): value
            for name, value in row.items()
            if name.startswith("gate_sharpe_")
        },
    )
