"""Files are whole or absent: written under a temporary name beside the target, then renamed."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path in the target's folder and move it over ``target`` on success.

    The temporary file is flushed to disk before the rename, so that after a crash ``target``
    is either the old file or the complete new one. On an error it is removed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def write_text(target: Path, text: str) -> None:
    """Write ``text`` to ``target`` as UTF-8, whole or not at all."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf8")


def write_json(target: Path, value: object) -> None:
    """Write ``value`` to ``target`` as JSON without NaN, whole or not at all."""
    write_text(target, json.dumps(value, indent=2, allow_nan=False) + "\n")
