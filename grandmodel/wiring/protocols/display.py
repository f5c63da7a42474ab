"""How far the folds of a protocol are: one display on a terminal, few lines elsewhere."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

TENTHS = 10
LEAST_SECONDS = 60.0  # between two lines about a fold
ALL = "all folds"


@dataclass(frozen=True)
class Steps:
    """How far a fold is, in environment steps."""

    name: str
    taken: int
    total: int


@dataclass
class Pace:
    """Steps of a training and how fast they were taken since it began, or went on.

    Attributes:
        began: time of the first word, seconds.
        first: steps taken by then.
        taken: steps taken so far.
        total: steps in all.
        said: tenths of the training that a line was printed for.
        said_at: time of that line, seconds.
    """

    began: float
    first: int
    taken: int
    total: int
    said: int = 0
    said_at: float = 0.0

    def text(self, now: float) -> str:
        """Return steps, steps per second and the time left, the latter two once they are known."""
        counts = f"{self.taken:,}/{self.total:,} steps"
        made, seconds = self.taken - self.first, now - self.began
        if made <= 0 or seconds <= 0.0:
            return counts
        speed = made / seconds
        left = timedelta(seconds=round((self.total - self.taken) / speed))
        return f"{counts}  {speed:,.0f} steps/s  {left} left"


class Display:
    """Tells what each fold does.

    Args:
        names: of the folds that are to be trained.
        console: where it goes: a bar per running fold and one for all of them on a terminal; else
            a line per fold whenever it has taken another tenth of its steps and a minute has
            passed since the last.
        progress: whether to tell more than that a fold is trained.
        clock: seconds.
    """

    def __init__(
        self,
        names: Sequence[str],
        console: Console,
        *,
        progress: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.names, self.console, self.progress, self.clock = names, console, progress, clock
        self.paces: dict[str, Pace] = {}
        self.most = 0  # steps of a fold that does not stop early
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[text]}"),
            console=console,
            disable=not (progress and console.is_terminal),
        )
        self.tasks: dict[str, TaskID] = {}

    def begins(self, name: str) -> None:
        """Show a fold whose process was started."""
        if len(self.names) > 1 and not self.tasks:
            self.tasks[ALL] = self.bars.add_task(ALL, total=None, text="")
        self.tasks[name] = self.bars.add_task(f"fold {name}", total=None, text="reads its bars")

    def told(self, word: Steps) -> None:
        """Take in how far a fold is."""
        now = self.clock()
        pace = self.paces.setdefault(word.name, Pace(now, word.taken, word.taken, word.total))
        pace.taken, pace.total = word.taken, word.total
        self.most = max(self.most, word.total)
        done = word.taken >= word.total
        text = f"{word.taken:,} steps, is judged" if done else pace.text(now)
        self._draw(word.name, pace, text)
        self._draw_all(now)
        if not done:
            self._line(word.name, pace, now)

    def trained(self, name: str) -> None:
        """Tell that a fold is finished; it may have stopped before it took all its steps."""
        if name in self.paces:
            self.paces[name].total = self.paces[name].taken
            self._draw_all(self.clock())
        self.bars.update(self.tasks[name], visible=False)
        self.console.print(f"fold {name} is trained", highlight=False)

    def _draw(self, name: str, pace: Pace, text: str) -> None:
        self.bars.update(self.tasks[name], completed=pace.taken, total=pace.total, text=text)

    def _draw_all(self, now: float) -> None:
        """Tell all folds together; those that were not heard of take as many steps as any may."""
        if ALL not in self.tasks:
            return
        known = list(self.paces.values())
        unheard = self.most * (len(self.names) - len(known))
        whole = Pace(
            began=known[0].began,
            first=sum(it.first for it in known),
            taken=sum(it.taken for it in known),
            total=sum(it.total for it in known) + unheard,
        )
        self._draw(ALL, whole, whole.text(now))

    def _line(self, name: str, pace: Pace, now: float) -> None:
        """Print a line where there is no terminal to draw on."""
        tenth = TENTHS * pace.taken // pace.total
        since = max(pace.began, pace.said_at)
        if self.console.is_terminal or not self.progress:
            return
        if tenth > pace.said and now - since >= LEAST_SECONDS:
            pace.said, pace.said_at = tenth, now
            self.console.print(f"fold {name}: {pace.text(now)}", highlight=False)
