"""Compiled kernels never outlive the code that they were made of."""

import os
import subprocess
import sys
from pathlib import Path

from grandmodel.core import kernels

INNER = "import numba\n@numba.njit(cache=True)\ndef inner():\n    return {}\n"
OUTER = """import numba
from lib.inner import inner
@numba.njit(cache=True)
def outer():
    return inner()
"""
CALL = "import lib; from lib.outer import outer; print(outer())"


def written(folder: Path, inner: int) -> Path:
    package = folder / "lib"
    package.mkdir(exist_ok=True)
    start = "from pathlib import Path\nfrom grandmodel.core import kernels\n"
    start += "kernels.keep_kernels_apart(Path(__file__).parent)\n"
    (package / "__init__.py").write_text(start)
    (package / "outer.py").write_text(OUTER)
    (package / "inner.py").write_text(INNER.format(inner))
    return package


def outcome(folder: Path) -> int:
    quiet = {k: v for k, v in os.environ.items() if k != kernels.VARIABLE}
    code = f"import grandmodel.core.kernels, os; os.environ.pop({kernels.VARIABLE!r}, 0); {CALL}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**quiet, "PYTHONPATH": os.pathsep.join([str(folder), str(kernels.PACKAGE.parent)])},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def test_a_change_in_another_file_reaches_its_callers(tmp_path: Path) -> None:
    package = written(tmp_path, 1)
    assert outcome(tmp_path) == 1
    (first,) = (package / "__pycache__").glob(f"{kernels.PREFIX}*")
    written(tmp_path, 2)
    assert outcome(tmp_path) == 2
    assert first.exists()  # a program that still runs may yet write there
    os.utime(first, (0, 0))
    assert outcome(tmp_path) == 2
    assert not first.exists()


def test_a_folder_named_by_the_user_is_kept(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv(kernels.VARIABLE, "elsewhere")
    kernels.keep_kernels_apart(written(tmp_path, 1))
    assert os.environ[kernels.VARIABLE] == "elsewhere"
    assert not (tmp_path / "lib" / "__pycache__").exists()


def test_the_digest_follows_compiled_files_alone(tmp_path: Path) -> None:
    package = written(tmp_path, 1)
    before = kernels.compiled_sources(package)
    (package / "plain.py").write_text("x = 1\n")
    assert kernels.compiled_sources(package) == before
    written(tmp_path, 2)
    assert kernels.compiled_sources(package) != before
