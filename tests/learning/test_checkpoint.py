"""Checkpoints: plain, whole, equal bytes for equal states, and refused when broken."""

import pytest
import torch

from grandmodel.core.checks import UserError
from grandmodel.learning import checkpoint

STATE = {
    "state_dict": {"a": torch.arange(3.0)},
    "counters": {"env_steps": 7, "score": 0.5, "name": "x", "none": None, "list": [1, "b"]},
}


def test_round_trip_loads_weights_only(tmp_path):
    path = tmp_path / "last.ckpt"
    checkpoint.save(path, STATE)
    loaded = checkpoint.load(path)
    assert torch.equal(loaded["state_dict"]["a"], STATE["state_dict"]["a"])
    assert loaded["counters"] == STATE["counters"]
    assert [item.name for item in tmp_path.iterdir()] == ["last.ckpt"]


def test_equal_states_give_equal_bytes_whatever_the_name(tmp_path):
    checkpoint.save(tmp_path / "last.ckpt", STATE)
    checkpoint.save(tmp_path / "best.ckpt", STATE)
    assert (tmp_path / "last.ckpt").read_bytes() == (tmp_path / "best.ckpt").read_bytes()


def test_bytes_do_not_depend_on_which_objects_are_the_same(tmp_path):
    one, other = "gate", "".join(["ga", "te"])
    tensor = torch.arange(3.0)
    shared = {"state_dict": {one: tensor, "b": tensor}, "names": [one, one]}
    copied = {"state_dict": {other: tensor.clone(), "b": tensor.clone()}, "names": [one, other]}
    for name, state in (("a.ckpt", shared), ("b.ckpt", copied)):
        checkpoint.save(tmp_path / name, state)
    assert (tmp_path / "a.ckpt").read_bytes() == (tmp_path / "b.ckpt").read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_truncated_file_is_refused_in_one_sentence(tmp_path, share):
    path = tmp_path / "last.ckpt"
    checkpoint.save(path, STATE)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UserError, match="truncated or no checkpoint"):
        checkpoint.load(path)


def test_foreign_files_are_refused(tmp_path):
    torch.save({"weights": torch.zeros(1)}, tmp_path / "other.ckpt")
    with pytest.raises(UserError, match="is not a checkpoint of this program"):
        checkpoint.load(tmp_path / "other.ckpt")
    torch.save({"code": checkpoint.save}, tmp_path / "code.ckpt")
    with pytest.raises(UserError, match="truncated or no checkpoint"):
        checkpoint.load(tmp_path / "code.ckpt")
    with pytest.raises(UserError, match="does not exist"):
        checkpoint.load(tmp_path / "none.ckpt")


def test_what_would_need_a_pickle_is_not_written(tmp_path):
    with pytest.raises(TypeError, match=r"checkpoint\.path is a PosixPath"):
        checkpoint.save(tmp_path / "last.ckpt", {"path": tmp_path})
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    checkpoint.save(path, STATE)
    before = path.read_bytes()

    def torn(state, file):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(OSError, match="disk full"):
        checkpoint.save(path, STATE)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    (tmp_path / ".last.ckpt.123.tmp").write_bytes(b"half")
    (tmp_path / "best.ckpt").write_bytes(b"kept")
    checkpoint.remove_leftovers(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["best.ckpt"]
