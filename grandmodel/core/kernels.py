"""Where compiled kernels are kept between runs.

numba decides by the file of the called function alone whether a kernel on disk is still good. A
kernel that calls one of another file would live on after that file has changed, and give the
numbers of the old code. So kernels are kept apart by everything that is compiled.
"""

import hashlib
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
VARIABLE = "NUMBA_CACHE_DIR"
PREFIX = "kernels-"
KEPT_SECONDS = 30 * 86_400.0


def compiled_sources(package: Path = PACKAGE) -> str:
    """Return the digest of all files of the package that speak of numba, in hex."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        if b"numba" in content:
            digest.update(str(path.relative_to(package)).encode() + b"\0" + content)
    return digest.hexdigest()[:16]


def keep_kernels_apart(package: Path = PACKAGE) -> None:
    """Point numba to a folder for the code as it is now; remove what is a month old.

    A program that still runs older code goes on to write into its own folder. Does nothing where
    the environment names a folder already, or where the package cannot be written: numba then
    keeps kernels in the user's own cache. Call it before numba is imported.
    """
    home = package / "__pycache__"
    if VARIABLE in os.environ or not os.access(package, os.W_OK):
        return
    current = home / f"{PREFIX}{compiled_sources(package)}"
    current.mkdir(parents=True, exist_ok=True)
    for other in home.glob(f"{PREFIX}*"):
        with suppress(FileNotFoundError):  # another program may be tidying up as well
            if other != current and time.time() - other.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(other, ignore_errors=True)
    os.environ[VARIABLE] = str(current)
