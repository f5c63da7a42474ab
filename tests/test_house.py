"""The direction of imports is a rule because a machine refuses its breach."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the checkout in ``folder``."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_imports_run_one_way() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("market", "import grandmodel.envs"),
        ("core", "import hydra"),
        ("systems", "import grandmodel.envs"),
        ("evaluation", "import lightning"),
    ],
)
def test_a_breach_is_refused(tmp_path: Path, room: str, line: str) -> None:
    shutil.copytree(ROOT / "grandmodel", tmp_path / "grandmodel")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "grandmodel" / room / "breach.py").write_text(line + "\n")
    result = lint_imports(tmp_path)
    assert result.returncode != 0
    assert f"grandmodel.{room}.breach" in result.stdout
