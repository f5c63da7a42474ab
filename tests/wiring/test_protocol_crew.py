"""Folds side by side: what is told of them, and how they are stopped."""

import io
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from grandmodel.core.checks import UserError
from grandmodel.wiring.exit import InterruptedRunError
from grandmodel.wiring.protocols.crew import Crew
from grandmodel.wiring.protocols.display import Display, Steps
from grandmodel.wiring.protocols.worker import Job, heed_signals, logged

AGAIN = "python evaluate.py protocol=walk_forward hydra.run.dir=here"


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def display(names: list[str], clock: Clock, *, terminal: bool = False) -> tuple[Display, Console]:
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal, highlight=False)
    return Display(names, console, progress=True, clock=clock), console


def lines(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_a_log_has_a_line_per_tenth_and_minute() -> None:
    clock = Clock()
    shown, console = display(["1of2", "2of2"], clock)
    shown.begins("1of2")
    shown.told(Steps("1of2", 50_000, 150_000))  # goes on from a checkpoint
    for taken in range(51_000, 150_000, 1_000):
        clock.now += 2.0  # 500 steps/s: a tenth every thirty seconds
        shown.told(Steps("1of2", taken, 150_000))
    assert lines(console) == [
        "fold 1of2: 80,000/150,000 steps  500 steps/s  0:02:20 left",
        "fold 1of2: 110,000/150,000 steps  500 steps/s  0:01:20 left",
        "fold 1of2: 140,000/150,000 steps  500 steps/s  0:00:20 left",
    ]
    shown.told(Steps("1of2", 150_000, 150_000))
    shown.trained("1of2")
    assert lines(console)[3:] == ["fold 1of2 is trained"]


def test_slow_folds_have_a_line_per_tenth() -> None:
    clock = Clock()
    shown, console = display(["1of1"], clock)
    shown.begins("1of1")
    shown.told(Steps("1of1", 0, 1_000))
    for taken in range(10, 1_000, 10):
        clock.now += 30.0
        shown.told(Steps("1of1", taken, 1_000))
    assert len(lines(console)) == 9


def test_bars_tell_rate_and_time_left_of_each_and_of_all() -> None:
    clock = Clock()
    shown, _ = display(["1of3", "2of3", "3of3"], clock, terminal=True)
    for name in ("1of3", "2of3"):
        shown.begins(name)
        shown.told(Steps(name, 0, 10_000))
    assert [task.fields["text"] for task in shown.bars.tasks][1] == "0/10,000 steps"
    clock.now += 10.0
    for name in ("1of3", "2of3"):
        shown.told(Steps(name, 1_000, 10_000))
    text = {task.description: task.fields["text"] for task in shown.bars.tasks}
    assert text["fold 1of3"] == "1,000/10,000 steps  100 steps/s  0:01:30 left"
    assert text["all folds"] == "2,000/30,000 steps  200 steps/s  0:02:20 left"
    shown.told(Steps("1of3", 10_000, 10_000))
    text = {task.description: task.fields["text"] for task in shown.bars.tasks}
    assert text["fold 1of3"] == "10,000 steps, is judged"


def test_a_fold_that_stops_early_took_no_more_steps_than_it_did() -> None:
    clock = Clock()
    shown, _ = display(["1of3", "2of3", "3of3"], clock, terminal=True)
    for name in ("1of3", "2of3"):
        shown.begins(name)
        shown.told(Steps(name, 0, 10_000))
        clock.now += 10.0
        shown.told(Steps(name, 1_000, 10_000))
        if name == "1of3":
            shown.trained(name)
            texts = [task.fields["text"] for task in shown.bars.tasks]
            assert texts[0] == "1,000/21,000 steps  100 steps/s  0:03:20 left"
    texts = [task.fields["text"] for task in shown.bars.tasks]
    assert texts[0] == "2,000/21,000 steps  100 steps/s  0:03:10 left"


def test_bars_fit_a_narrow_terminal() -> None:
    clock = Clock()
    shown, console = display(["12of15", "13of15"], clock, terminal=True)
    shown.begins("12of15")
    shown.told(Steps("12of15", 0, 2_000_000))
    clock.now += 100.0
    shown.told(Steps("12of15", 1_234_000, 2_000_000))
    console.print(shown.bars.get_renderable())
    assert "0:01:02 left" in lines(console)[1]


HEEDS_ONE = """
import pathlib, signal, sys, time
name, said, ready = sys.argv[1:]
def told(*_):
    pathlib.Path(said).write_text("told")
    sys.exit()
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, told if number.name == name else signal.SIG_IGN)
pathlib.Path(ready).touch()
time.sleep(60)
"""


class Fold:
    """A process as the crew sees one; it heeds one signal only."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", HEEDS_ONE, *words])
        self.pid = self.process.pid

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        self.process.kill()

    def join(self) -> None:
        self.process.wait()


def crew_of(tmp_path: Path, name: str) -> tuple[Crew, Console, Path]:
    """Return a crew whose only fold writes a word when it gets a signal."""
    said, ready = tmp_path / "said", tmp_path / "ready"
    console = Console(file=io.StringIO(), width=200, highlight=False)
    crew = Crew(1, console, progress=False)
    fold = Fold(name, str(said), str(ready))
    crew.running["1of2"] = fold  # pyright: ignore[reportArgumentType]
    while not ready.exists():
        time.sleep(0.01)
    return crew, console, said


def test_folds_are_stopped_with_one_word(tmp_path: Path) -> None:
    crew, console, said = crew_of(tmp_path, "SIGTERM")
    crew.stop()
    assert lines(console) == [
        "stopping: 1 fold writes its checkpoint; Ctrl-C again stops at once",
    ]
    assert said.read_text() == "told"
    assert not crew.running
    crew.stop()
    assert len(lines(console)) == 1


def test_asked_again_folds_are_stopped_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew, console, said = crew_of(tmp_path, "SIGINT")
    hear, heard = crew._hear, []

    def pressed() -> None:
        heard.append(1)
        if len(heard) == 1:
            raise KeyboardInterrupt
        hear()

    monkeypatch.setattr(crew, "_hear", pressed)
    crew.stop()
    assert lines(console)[1].startswith("stopping at once")
    assert said.read_text() == "told"
    assert not crew.running


@pytest.fixture
def signals() -> Iterator[None]:
    """Give the handlers back."""
    before = {it: signal.getsignal(it) for it in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals")
def test_a_fold_heeds_termination_once_and_ctrl_c_again() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a child of nohup or of a script's &
    heed_signals()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InterruptedRunError("interrupted after 64 steps", "python train.py resume=X"), None),
        (KeyboardInterrupt(), f"interrupted; continue with: {AGAIN}\n"),
        (UserError("x must be y, was z"), "x must be y, was z\n"),
    ],
)
def test_the_log_of_a_fold_says_how_it_ended(
    tmp_path: Path, error: BaseException, said: str | None
) -> None:
    job = Job("1of2", tmp_path, {}, [], AGAIN)
    with pytest.raises(type(error)), logged(job):
        raise error
    told = (tmp_path / "train.log").read_text()
    assert told == (said or f"interrupted after 64 steps; continue with: {AGAIN}\n")


def test_the_log_keeps_the_traceback_of_a_defect(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), logged(Job("1of2", tmp_path, {}, [], AGAIN)):
        _ = 1 / 0
    assert "Traceback" in (tmp_path / "train.log").read_text()
