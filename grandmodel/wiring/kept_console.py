"""A terminal whose words are kept in a file: what a run said can be read again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console, NewLine
from rich.control import Control

LOG_WIDTH = 120


class KeptConsole(Console):
    """Prints as :class:`rich.console.Console` does, and appends the same as plain text to a file.

    Frames of progress bars and spinners are not kept.
    """

    _file_console: Console | None = None

    @contextmanager
    def kept(self, path: Path) -> Iterator[None]:
        """Append what is printed inside the block to ``path``."""
        with path.open("a", encoding="utf8") as file:
            self._file_console = Console(
                file=file, width=LOG_WIDTH, soft_wrap=True, highlight=False, color_system=None
            )
            try:
                yield
            finally:
                self._file_console = None

    def print(self, *objects: Any, **settings: Any) -> None:
        """Print ``objects``; frames are recognised by what they are made of."""
        super().print(*objects, **settings)
        if self._file_console is not None and not all(map(_is_frame, objects)):
            self._file_console.print(*objects, **settings)


def _is_frame(item: Any) -> bool:
    return isinstance(item, Control | NewLine)  # a drawing of a bar prints nothing but these
