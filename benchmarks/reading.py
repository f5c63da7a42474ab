"""How long a CSV file of one-minute bars takes to validated bars, and how much memory.

``python benchmarks/reading.py [ROWS]`` writes the file, reads it in a process of its own, and does
the same with what a user would write instead: pandas, and DataFrame methods for the checks.
Limits for 5 000 000 rows: 15 s and 2 GB.
"""

import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

ROWS = 5_000_000
KB_PER_GB = 1024.0 * 1024.0
FORMS = ("iso", "unix", "histdata")


def write_file(path: Path, rows: int, form: str) -> None:
    """Write bars that hang together, with five digits of price."""
    rng = np.random.default_rng(0)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-5, rows)))
    open_ = np.append(100.0, close[:-1])
    times = np.datetime64("2010-01-01T00:00", "s") + 60 * np.arange(rows)
    stamps = pa.array(times)
    if form == "unix":
        stamps = pa.array(times.astype(np.int64))
    if form == "histdata":
        stamps = pa.array(pd.Series(times).dt.strftime("%Y%m%d %H%M%S"))
    table = {
        "timestamp": stamps,
        "open": open_.round(5),
        "high": np.maximum(open_, close).round(5),
        "low": np.minimum(open_, close).round(5),
        "close": close.round(5),
        "volume": np.zeros(rows, int) if form == "histdata" else rng.integers(1, 1000, rows),
    }
    plain = form == "histdata"
    options = pa_csv.WriteOptions(
        include_header=not plain, delimiter=";" if plain else ",", quoting_style="none"
    )
    pa_csv.write_csv(pa.table(table), path, options)


def read_ours(path: str) -> int:
    """Read as `data=auto` does."""
    from grandmodel.market.config import DataConfig
    from grandmodel.market.instruments import GENERIC_INSTRUMENT
    from grandmodel.market.readers.formats import read_bars

    config = DataConfig(kind="auto", path=path, timezone="UTC")  # the file has no change of clocks
    return len(read_bars(config, GENERIC_INSTRUMENT))


def read_pandas(path: str) -> int:
    """Read and check as a user would with pandas."""
    plain = ";" in Path(path).open().readline()  # noqa: SIM115
    names = ["timestamp", "open", "high", "low", "close", "volume"]
    if plain:
        frame = pd.read_csv(path, sep=";", names=names)
        stamps = pd.to_datetime(frame["timestamp"], format="%Y%m%d %H%M%S", utc=True)
    else:
        frame = pd.read_csv(path)
        number = frame["timestamp"].dtype.kind == "i"
        stamps = pd.to_datetime(frame["timestamp"], unit="s" if number else None, utc=True)
    body = frame[["open", "close"]]
    sound = (frame["low"] <= body.min(axis=1)) & (frame["high"] >= body.max(axis=1))
    if not (sound.all() and stamps.is_monotonic_increasing and (frame["low"] > 0).all()):
        raise ValueError(path)
    return len(frame)


READERS = {"ours": read_ours, "pandas": read_pandas}


def measure(name: str, path: str) -> dict[str, float]:
    """Read once in this process; return seconds, seconds of the processor, and the peak.

    What a command has loaded before it reads, calendars among it, is loaded before the clock
    starts; it counts in the peak.
    """
    importlib.import_module("grandmodel.market.readers.formats" if name == "ours" else "pandas")
    began, used = time.perf_counter(), time.process_time()
    rows = READERS[name](path)
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KB_PER_GB
    return {"rows": rows, "seconds": seconds, "processor_s": processor, "peak_gb": peak}


def main(rows: int) -> None:
    """Print one line per form of time and reader."""
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMS:
            path = Path(folder) / f"{form}.csv"
            write_file(path, rows, form)
            for name in READERS:
                command = [sys.executable, __file__, "--one", name, str(path)]
                output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                found = json.loads(output.splitlines()[-1])
                print(
                    f"{form:9} {name:7} {found['rows']:>9,} rows {found['seconds']:6.1f} s "
                    f"(processor {found['processor_s']:5.1f} s) {found['peak_gb']:.2f} GB",
                    flush=True,
                )
            path.unlink()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2], sys.argv[3])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
