"""What tests of all rooms share: real market data where a developer has them."""

from collections.abc import Callable
from pathlib import Path

import pytest

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def real_bars() -> Callable[[str], Path]:
    """Return a function from a name such as NQ_5m to its Parquet file; it skips without one."""

    def find(name: str) -> Path:
        path = REAL_DATA / f"{name}.parquet"
        if not path.is_file():
            pytest.skip(f"needs the market data file {path.name}, which is not part of the project")
        return path

    return find
