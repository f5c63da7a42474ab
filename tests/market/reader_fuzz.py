"""Broken files for the readers, and what must hold of whatever a reader makes of them.

``python tests/market/reader_fuzz.py COUNT [FIRST_SEED]`` tries COUNT of them.
"""

import gzip
import io
import random
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from market_makers import PLAIN, random_frame
from test_formats import SHAPES

from grandmodel.core.checks import UserError
from grandmodel.market.bars import Bars
from grandmodel.market.config import DataConfig
from grandmodel.market.readers.formats import FORMATS, read_bars

TOKENS = (
    "", " ", "nan", "NaN", "inf", "-inf", "null", "None", "0", "-1", "-0.0", "1e309", "1e-320",
    "9" * 25, "1,5", "0x10", "1_000", "true", "soon", "12:00", "2024-02-30 00:00", "20240308",
    "99999999999999", "1710000000", "-1710000000000", "2024-03-08", "08/03/2024 14:00",
    "2024-03-08 14:00:00+05:30", "2024-03-10 02:30", "1677-01-01", "2263-01-01", "0000-00-00",
    '"', '""', '"a', "\r", "\n", "\0", "\ufeff", "é", "[", "{", "[]", "4000.25", "1e5", "<DATE>",
)  # fmt: skip
MOST_CHANGES = 4
MOST_LETTERS = 4000
SLOW_SECONDS = 20.0
_MADE = {name: make() for name, (_, _, make) in SHAPES.items()}


def _parquet() -> bytes:
    out = io.BytesIO()
    random_frame("2024-03-08 14:00", 60, 5).to_parquet(out)
    return out.getvalue()


def _ticks() -> bytes:
    frame = random_frame("2024-03-08 14:00", 60, 5)
    made = pd.DataFrame({"time": frame.timestamp, "price": frame.close, "size": frame.volume})
    return made.to_csv(index=False).encode()


def _contracts() -> bytes:
    front = random_frame("2024-03-08 14:00", 288, 5).assign(symbol="ESH4")
    after = random_frame("2024-03-08 20:00", 288, 5, 1).assign(symbol="ESM4")
    return pd.concat([front, after]).to_csv(index=False).encode()


CONTRACTS = _contracts()
_MADE |= {
    "contracts": CONTRACTS,
    "parquet": _parquet(),
    "ticks": _ticks(),
    "junk": b"",
    "empty lines": b"\n\n\n",
}


def _change(content: bytes, rng: random.Random) -> bytes:
    """Return the file with one thing wrong."""
    way = rng.randrange(9)
    if way == 0:  # one byte
        place = rng.randrange(len(content) + 1)
        return content[:place] + bytes([rng.randrange(256)]) + content[place + 1 :]
    if way == 1:  # cut off
        return content[: rng.randrange(len(content) + 1)]
    if way == 2:  # a hole
        place = rng.randrange(len(content) + 1)
        return content[:place] + content[place + rng.randrange(1, 60) :]
    if way == 3:  # junk between
        place = rng.randrange(len(content) + 1)
        return content[:place] + rng.randbytes(rng.randrange(1, 30)) + content[place:]
    lines = content.split(b"\n")
    line = rng.randrange(len(lines))
    if way == 4:
        lines.insert(rng.randrange(len(lines) + 1), lines[line])
    elif way == 5:
        del lines[line]
    elif way == 6:
        other = rng.randrange(len(lines))
        lines[line], lines[other] = lines[other], lines[line]
    else:  # one field
        separator = rng.choice([b",", b",", b";", b"\t", b":", b" "])
        fields = lines[line].split(separator)
        token = rng.choice(TOKENS).encode("utf8" if rng.random() < 0.8 else "utf-16")
        fields[rng.randrange(len(fields))] = token
        lines[line] = separator.join(fields)
    return b"\n".join(lines)


def _packed(content: bytes, rng: random.Random) -> bytes:
    way = rng.randrange(12)
    if way == 0:
        return gzip.compress(content, 1)
    if way == 1:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            name = rng.choice(
                ["a.csv", "20240308_es_minute_trade.csv", "20240399_a_minute_quote.csv"]
            )
            archive.writestr(name, content)
            if rng.random() < 0.2:
                archive.writestr("b.csv", content)
        return out.getvalue()
    return content


def broken_file(rng: random.Random) -> tuple[bytes, DataConfig]:
    """Return the bytes of a file and how it is to be read; about one in ten is sound."""
    content = _MADE[rng.choice(list(_MADE))]
    joins = rng.random() < (0.7 if content is CONTRACTS else 0.02)
    if not content:
        content = rng.randbytes(rng.randrange(1, 400))
    for _ in range(rng.randrange(MOST_CHANGES + 1)):
        content = _change(content, rng)
    packed = _packed(content, rng)
    if packed is not content and rng.random() < 0.5:
        packed = _change(packed, rng)
    kind = "auto" if rng.random() < 0.7 else rng.choice(list(FORMATS))
    config = DataConfig(
        kind=kind,
        on_defect=rng.choice(["refuse", "drop", "keep"]),
        stamp=rng.choice([None, None, "open", "close"]),
        timezone=rng.choice([None, None, "UTC", "America/New_York", "America/New_York+7"]),
        symbol="AA" if rng.random() < 0.05 else None,
        bar_minutes=rng.choice([1, 5]),
        continuous=rng.choice(["volume", "calendar"]) if joins else None,
    )
    return packed, config


def outcome(content: bytes, config: DataConfig, path: Path) -> str:
    """Read a file; return refused, clean or mended; anything else is an error of the readers."""
    path.write_bytes(content)
    config.path = str(path)
    try:
        bars = read_bars(config, PLAIN)
    except UserError as error:
        sentence = str(error)
    else:
        sentence = None
    if sentence is not None:
        assert "\n" not in sentence
        assert len(sentence) < MOST_LETTERS
        return "refused"
    check(bars)
    assert bars.reading is not None
    if len(bars.reading.defects):
        assert config.on_defect != "refuse"
        return "mended"
    return "clean"


def check(bars: Bars) -> None:
    """Hold bars to what no defect may break, in words of their own."""
    assert len(bars) > 0
    prices = [bars.open, bars.high, bars.low, bars.close]
    for column in (*prices, bars.volume):
        assert np.isfinite(column).all()
    assert (bars.low > 0.0).all()
    assert (bars.volume >= 0.0).all()
    for column in (bars.open, bars.close):
        assert (bars.low <= column).all()
        assert (column <= bars.high).all()
    assert (np.diff(bars.open_time_ns) >= bars.minutes * 60_000_000_000).all()


def main(count: int, first: int) -> int:
    """Try many files; print every failure with its seed; return how many there were."""
    counted: Counter[str] = Counter()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        for seed in range(first, first + count):
            began = time.monotonic()
            try:
                counted[outcome(*broken_file(random.Random(seed)), path)] += 1  # noqa: S311
            except Exception:
                failed += 1
                print(f"seed {seed}", traceback.format_exc(limit=-4), flush=True)  # noqa: T201
            took = time.monotonic() - began
            if took > SLOW_SECONDS:
                print(f"seed {seed} took {took:.0f} s", flush=True)  # noqa: T201
    print(dict(counted), f"{failed} failures", flush=True)  # noqa: T201
    return failed


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)))
