"""Files before they are read: they exist, hold something, and are what they claim to be.

Source: `docs/definitions.md`, "Reading files".
"""

import bz2
import gzip
import io
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from grandmodel.core.checks import UserError, require
from grandmodel.market.config import DataConfig

PARQUET_MAGIC = b"PAR1"
MAX_BYTES = 2 * 1024**3  # unpacked: about 35 million bars
MAGICS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
SUFFIXES = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd", ".zip": "zip"}
ENCRYPTED = 0x1
MAX_LETTERS = 200  # of what a library says, in messages


def existing_file(config: DataConfig) -> Path:
    """Return the path of the data file.

    Raises:
        UserError: no path was given, or there is no readable file with something in it.
    """
    require(bool(config.path), f"data.path is missing: data={config.kind} needs data.path=FILE")
    path = Path(str(config.path))
    try:
        path = path.expanduser()
        mode, size = path.stat().st_mode, path.stat().st_size
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"data.path: there is no file {path}: check the name") from error
    except (OSError, ValueError, RuntimeError) as error:  # no such home folder is the last
        raise UserError(f"data.path: {path} cannot be looked at ({error}): check it") from error
    require(not stat.S_ISDIR(mode), f"data.path: {path} is a folder: name one file in it")
    require(
        stat.S_ISREG(mode),
        f"data.path: {path} is a pipe or a device: write the bars into a file and name it",
    )
    require(size > 0, f"{path} is empty: give a file with bars")
    _require_size(path, size)
    return path


def _require_size(path: Path, size: int) -> None:
    require(
        size <= MAX_BYTES,
        f"{path} holds {size / 1024**3:.1f} GB, at most {MAX_BYTES // 1024**3} GB are read at "
        "once: cut it into shorter files, or write longer bars",
    )


def begins_like_parquet(path: Path) -> bool:
    """Tell a Parquet file by its first bytes.

    Raises:
        UserError: the file may not be read.
    """
    return _first_bytes(path).startswith(PARQUET_MAGIC)


def _first_bytes(path: Path, count: int = 8) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): check its rights") from error


@contextmanager
def unpacking(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong with reading or unpacking into one sentence."""
    try:
        yield
    except (
        OSError,
        EOFError,
        lzma.LZMAError,
        zlib.error,
        zipfile.BadZipFile,
        NotImplementedError,
    ) as error:
        raise UserError(
            f"{path} cannot be unpacked ({_flat(error)}): it may be cut off, copy or download it "
            "again, or unpack it by hand"
        ) from error


def _flat(error: BaseException) -> str:
    return " ".join(str(error).split())[:MAX_LETTERS] or type(error).__name__


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """Refuse a file that somebody writes to while it is read."""
    before = path.stat()
    try:
        yield
    finally:
        try:
            after: os.stat_result | None = path.stat()
        except OSError:
            after = None
        if after is None or _state(before) != _state(after):
            raise UserError(
                f"{path} changed while it was read: wait until it is written, then read it again"
            )


def _state(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_size, found.st_mtime_ns, found.st_ino


class _Limited(io.RawIOBase):
    """Bytes of a stream, refused where they are more than can be held in memory."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._path, self._stream, self._count = path, stream, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # pyright: ignore
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._count += len(data)
        _require_size(self._path, self._count)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


@dataclass(frozen=True)
class Source:
    """A data file, packed or not, or one file in a packed one."""

    path: Path
    packing: str | None = None
    member: str | None = None

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}:{self.member}"

    def open(self) -> io.BufferedReader:
        """Return its unpacked bytes; to be used inside :func:`unpacking`."""
        return io.BufferedReader(_Limited(self.path, self._stream()), buffer_size=1 << 20)

    def _stream(self) -> IO[bytes]:
        if self.packing == "zip":
            with zipfile.ZipFile(self.path) as archive:
                return archive.open(str(self.member))
        if self.packing == "zstd":
            return cast(IO[bytes], pa.input_stream(str(self.path), compression="zstd"))
        if self.packing == "gzip":
            return cast(IO[bytes], gzip.open(self.path))
        if self.packing == "bzip2":
            return cast(IO[bytes], bz2.open(self.path))
        if self.packing == "xz":
            return cast(IO[bytes], lzma.open(self.path))
        return self.path.open("rb")

    def start(self, count: int) -> bytes:
        """Return its first unpacked bytes."""
        with unpacking(self.path), self.open() as file:
            return file.read(count)

    def read(self) -> bytes:
        """Return all of it."""
        with unpacking(self.path), self.open() as file:
            return file.read()

    def inside(self, member: str) -> "Source":
        """Return one file of an archive."""
        return replace(self, member=member)

    def members(self) -> list[str]:
        """Return the files of an archive that could hold bars.

        Raises:
            UserError: it is cut off, locked, or holds none.
        """
        with unpacking(self.path), zipfile.ZipFile(self.path) as archive:
            files = [info for info in archive.infolist() if not info.is_dir()]
        files = [info for info in files if not info.filename.startswith(("__MACOSX/", "."))]
        require(len(files) > 0, f"{self.path} is an archive without files: give one with bars")
        locked = [info.filename for info in files if info.flag_bits & ENCRYPTED]
        require(
            not locked,
            f"{self.path}: {', '.join(locked[:1])} is locked by a password: unpack it by hand",
        )
        tables = [info.filename for info in files if info.filename.lower().endswith(".csv")]
        return tables or [info.filename for info in files]


def source_of(config: DataConfig) -> Source:
    """Return the data file with its packing, told by its first bytes.

    Raises:
        UserError: there is no such file, or its ending promises a packing that it has not.
    """
    path = existing_file(config)
    begin = _first_bytes(path)
    packing = next((name for magic, name in MAGICS.items() if begin.startswith(magic)), None)
    promised = SUFFIXES.get(path.suffix.lower())
    if promised is not None and packing is None:
        raise UserError(
            f"{path} cannot be unpacked (it does not begin like {promised}): copy or download it "
            "again, or correct its ending"
        )
    return Source(path, packing)


def chosen_member(source: Source, config: DataConfig) -> tuple[Source, DataConfig]:
    """Return the file of an archive that `data.symbol` names, and what is left to choose.

    Raises:
        UserError: there are several, and none was chosen.
    """
    if source.packing != "zip" or source.member is not None:
        return source, config
    members = source.members()
    if len(members) == 1:
        return source.inside(members[0]), config
    symbols = {member_symbol(name, members): name for name in members}
    listed = ", ".join(list(symbols)[:10]) + (", ..." if len(symbols) > 10 else "")
    require(
        config.symbol is not None,
        f"{source.path} holds {len(members)} files ({listed}): choose one with data.symbol=",
    )
    require(
        config.symbol in symbols,
        f"data.symbol={config.symbol} is not in {source.path}: it has {listed}",
    )
    return source.inside(symbols[str(config.symbol)]), replace(config, symbol=None)


def member_symbol(name: str, members: list[str]) -> str:
    """Return what tells one file of an archive from the others: its stem without common parts."""
    parts = {other: Path(other).stem.split("_") for other in members}
    common = set.intersection(*(set(words) for words in parts.values()))
    own = [word for word in parts[name] if word not in common]
    return "_".join(own) or Path(name).stem
