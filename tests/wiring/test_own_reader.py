"""A reader of the user's own: its errors are one sentence each."""

import sys
from pathlib import Path

import pytest

from grandmodel.core.checks import UserError
from grandmodel.market.config import DataConfig
from grandmodel.market.instruments import GENERIC_INSTRUMENT
from grandmodel.wiring.extend import own_reader

CODE = """
from grandmodel.core.checks import UserError

def raises(config, instrument):
    raise KeyError("price")

def refuses(config, instrument):
    raise UserError("the file is of 1999")

def forgets(config, instrument):
    return None
"""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("raises", r"_target_=odd_readers.raises with data.path=b.txt failed: KeyError: 'price'"),
        ("refuses", r"^the file is of 1999$"),
        ("forgets", r"odd_readers.forgets with data.path=b.txt must return .*Bars, was NoneType"),
    ],
)
def test_what_a_reader_does_wrong_is_named(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd_readers.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "odd_readers", raising=False)
    read = own_reader({"_target_": f"odd_readers.{name}"})
    with pytest.raises(UserError, match=words):
        read(DataConfig(kind="custom", path="b.txt"), GENERIC_INSTRUMENT)
