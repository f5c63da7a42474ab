"""What a run says is kept in its log, without the frames of a progress bar."""

import io
from pathlib import Path

from rich.progress import Progress

from grandmodel.wiring.kept_console import KeptConsole


def test_the_log_holds_what_was_said_but_no_frames(tmp_path: Path) -> None:
    said = io.StringIO()
    console = KeptConsole(file=said, force_terminal=True, soft_wrap=True, highlight=False)
    log = tmp_path / "train.log"
    console.print("before")
    with console.kept(log):
        console.print("note: [odd]", markup=False, style="yellow")
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task("training", total=2)
            bar.update(task, completed=1, refresh=True)
            console.print("between")
        with console.status("reading"):
            pass
    console.print("after")
    assert log.read_text() == "note: [odd]\nbetween\n"
    assert "training" in said.getvalue()
    assert "after" in said.getvalue()
    with console.kept(log):
        console.print("resumed")
    assert log.read_text().endswith("between\nresumed\n")
