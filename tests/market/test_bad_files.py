"""Files that cannot be read end in one sentence: nothing hangs, nothing eats the memory."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from market_makers import PLAIN, random_frame

from grandmodel.core.checks import UserError
from grandmodel.market.bars import Bars
from grandmodel.market.config import FILE_KINDS, DataConfig
from grandmodel.market.readers import formats
from grandmodel.market.readers.formats import read_bars

FRAME = random_frame("2024-03-08 14:00", 400, 5)
KINDS = ("auto", *FILE_KINDS)


def read(path: Path, kind: str = "auto", **keys) -> Bars:
    return read_bars(DataConfig(kind=kind, path=str(path), **keys), PLAIN)


def refused(path: Path, words: str, kind: str = "auto") -> None:
    with pytest.raises(UserError, match=words) as sentence:
        read(path, kind)
    assert "\n" not in str(sentence.value)
    assert path.name in str(sentence.value)


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.csv", content)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_folders_pipes_and_devices(kind: str, tmp_path: Path) -> None:
    refused(tmp_path, "^data.path: [^ ]* is a folder: name one file in it$", kind)
    refused(Path("~nobody-of-that-name/bars.csv"), "cannot be looked at", kind)
    refused(tmp_path / "none.csv" / "deeper.csv", "there is no file", kind)
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    refused(pipe, "is a pipe or a device", kind)
    with pytest.raises(UserError, match="is a pipe or a device"):
        read(Path(os.devnull), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_files_larger_than_memory_are_refused_before_they_are_read(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.truncate(10 * 1024**3)
    refused(path, r"holds 10\.0 GB, at most 2 GB are read at once", kind)


def test_what_unpacks_to_more_than_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = b"2024-01-01 00:00,1,1,1,1\n" * 1_000_000
    path = zipped(tmp_path / "bomb.zip", bars=b"time,open,high,low,close\n" + rows)
    assert path.stat().st_size < 1_000_000
    monkeypatch.setattr("grandmodel.market.readers.files.MAX_BYTES", 20_000_000)
    refused(path, "GB are read at once", "csv")


def test_a_truncated_archive(tmp_path: Path) -> None:
    path = zipped(tmp_path / "bars.zip", bars=FRAME.to_csv(index=False).encode())
    whole = path.read_bytes()
    read(path)
    for share in (0.1, 0.5, 0.9, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        refused(path, "cannot be unpacked .* it may be cut off, copy or download it again")
    spoilt = bytearray(whole)
    spoilt[len(whole) // 2] ^= 0xFF
    path.write_bytes(spoilt)
    refused(path, "cannot be unpacked")


def test_archives_without_bars_or_with_a_lock(tmp_path: Path) -> None:
    path = zipped(tmp_path / "empty.zip")
    refused(path, "cannot be unpacked|is an archive without files")
    locked = bytearray(zipped(tmp_path / "locked.zip", bars=b"x").read_bytes())
    locked[6] |= 1
    place = locked.index(b"PK\x01\x02")
    locked[place + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(locked)
    refused(tmp_path / "locked.zip", "is locked by a password")


def test_a_file_that_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bars.csv"
    FRAME.to_csv(path, index=False)
    opened = formats.head_of

    def grow(source):
        head = opened(source)
        with path.open("a") as file:
            file.write("\n")
        return head

    monkeypatch.setattr(formats, "head_of", grow)
    refused(path, "changed while it was read: wait until it is written")

    def vanish(source):
        head = opened(source)
        path.unlink()
        return head

    monkeypatch.setattr(formats, "head_of", vanish)
    refused(path, "changed while it was read")


@pytest.mark.parametrize("size", [1, 10, 1000, 100_000])
def test_binary_junk_and_emptiness(size: int, tmp_path: Path) -> None:
    path = tmp_path / "junk.csv"
    path.write_bytes(np.random.default_rng(size).bytes(size))
    for kind in KINDS:
        refused(path, "", kind)
    path.write_bytes(b"\n" * size)
    refused(path, "is empty")


def test_wrong_encodings(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    text = FRAME.assign(note="prix d'été €").to_csv(index=False)
    for encoding in ("cp1252", "utf8", "utf-8-sig", "utf-16"):
        path.write_bytes(text.encode(encoding))  # the note is not needed
        assert len(read(path)) == len(FRAME)
    path.write_bytes(text.encode("utf-16")[:-1])
    refused(path, "is no valid utf-16: save it in UTF-8")
    path.write_bytes(text.encode("utf-16-le"))
    refused(path, "in no format that is known")
    path.write_bytes(text.replace("4000.0", "40é0", 1).encode("cp1252"))
    refused(path, "is not a number")


def test_json_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "bars.json"
    row = [1_710_000_000_000, 1.0, 1.0, 1.0, 1.0, 1.0]
    for text, words in (
        ("[[1710000000000, 1.0", "cannot be read as JSON .* cut off"),
        (f"[{row}, {row[:3]}]", "row 2 holds other fields than row 1"),
        (f"[{row}, {row}]", "stands there twice"),
        (f"[{row}, [[], 1, 1, 1, 1, 1]]", "row 2, column timestamp"),
        (
            f"[{row}, [1710000300000, true, 1, 1, 1, 1]]",
            "row 2, column open: 'True' is neither a number",
        ),
        ('[{"time": 1}]', "no column open"),
        ('{"t": [1, 2], "o": [1]}', "are not lists of one length"),
        ("[" * 100_000, "cannot be read as JSON|cut off"),
        ("[[]]", "row 1 holds 0 values"),
        ('[[1710000000000, "\xff"', "no valid UTF-8"),
    ):
        path.write_bytes(text.encode("latin-1"))
        refused(path, words)
