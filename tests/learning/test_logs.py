"""Logs: what is written, and that cutting leaves exactly what a checkpoint knows."""

from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from grandmodel.learning.lightning.logs import CsvLog, cut_csv, cut_tensorboard, read_csv_log


def test_rows_and_new_columns(tmp_path):
    log = CsvLog(tmp_path / "metrics.csv")
    log.log_metrics({"a": 1.0}, step=10)
    log.log_metrics({"a": 2.0, "b": 0.1}, step=20)
    text = (tmp_path / "metrics.csv").read_text()
    assert text == "env_steps,a,b\n10,1.0,\n20,2.0,0.1\n"


def test_cut_and_continue_gives_the_unbroken_file(tmp_path):
    whole, broken = CsvLog(tmp_path / "whole.csv"), CsvLog(tmp_path / "broken.csv")
    for log in (whole, broken):
        log.log_metrics({"a": 1.0}, step=10)
        log.log_metrics({"a": 2.0}, step=20)
        log.log_metrics({"b": 3.0}, step=30)
    with (tmp_path / "broken.csv").open("a") as file:
        file.write("40,4.")  # a kill in the middle of a row
    cut_csv(tmp_path / "broken.csv", 20)
    assert (tmp_path / "broken.csv").read_text() == "env_steps,a\n10,1.0\n20,2.0\n"
    CsvLog(tmp_path / "broken.csv").log_metrics({"b": 3.0}, step=30)
    assert (tmp_path / "broken.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_cut_of_nothing_is_nothing(tmp_path):
    cut_csv(tmp_path / "none.csv", 5)
    assert read_csv_log(tmp_path / "none.csv") == ([], [])
    cut_tensorboard(tmp_path, 5)
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_events_after_the_checkpoint_are_removed(tmp_path):
    logger = TensorBoardLogger(str(tmp_path), name="tb", version="")
    for step in (10, 20, 30, 40):
        logger.log_metrics({"loss": float(step)}, step=step)
    logger.finalize("success")
    (path,) = tmp_path.rglob("events.out.tfevents.*")
    path.write_bytes(path.read_bytes()[:-3])  # a kill in the middle of an event
    cut_tensorboard(tmp_path, 20)
    events = EventAccumulator(str(path.parent)).Reload().Scalars("loss")
    assert [event.step for event in events] == [10, 20]
