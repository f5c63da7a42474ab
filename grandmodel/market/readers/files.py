"""Files before they are read: they exist, hold something, and are what they claim to be."""

from pathlib import Path

from grandmodel.core.checks import UserError, require
from grandmodel.market.config import DataConfig

PARQUET_MAGIC = b"PAR1"


def existing_file(config: DataConfig) -> Path:
    """Return the path of the data file.

    Raises:
        UserError: no path was given, or there is no readable file with something in it.
    """
    require(bool(config.path), f"data.path is missing: data={config.kind} needs data.path=FILE")
    path = Path(str(config.path)).expanduser()
    require(path.exists(), f"data.path: there is no file {path}: check the name")
    require(path.is_file(), f"data.path: {path} is a folder: name one file in it")
    require(path.stat().st_size > 0, f"{path} is empty: give a file with bars")
    return path


def begins_like_parquet(path: Path) -> bool:
    """Tell a Parquet file by its first bytes.

    Raises:
        UserError: the file may not be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): check its rights") from error
