"""Which checkpoint of a folder a run goes on from."""

from __future__ import annotations

import pytest
import torch

from clipvis_core import InputError
from clipvis_train.resuming import newest_run_checkpoint, whole_run_checkpoint


def write_run(path, *, iteration, time="20260101_000000", **changes):
    content = {
        "meta": {"iter": iteration, "epoch": 0, "time": time},
        "state_dict": {"weight": torch.arange(4096.0) + iteration},
        "message_hub": {},
        "optimizer": {"state": {}},
    }
    content |= changes
    torch.save({key: value for key, value in content.items() if value is not None}, path)
    return path


def flip_a_bit(path):
    """Damages a tensor: the file opens, and its tensors load."""
    data = bytearray(path.read_bytes())
    position = data.find(torch.arange(4096.0)[2000:2010].numpy().tobytes()[:8])
    data[position if position > 0 else len(data) // 2] ^= 1
    path.write_bytes(data)
    assert torch.load(path, weights_only=True)["state_dict"]["weight"].shape == (4096,)


def newest(folder):
    warnings = []
    found = newest_run_checkpoint(folder, warnings.append)
    return found and found.path.name, warnings


def test_the_latest_written_wins_whatever_its_name(tmp_path):
    write_run(tmp_path / "iter_900.pth", iteration=900, time="20260101_000000")
    write_run(tmp_path / "iter_1000.pth", iteration=1000, time="20260101_000000")
    assert newest(tmp_path) == ("iter_1000.pth", [])
    # A second branch, which went on from an older checkpoint.
    write_run(tmp_path / "iter_300.pth", iteration=300, time="20260102_000000")
    (tmp_path / "last_checkpoint").write_text(str(tmp_path / "iter_1000.pth"))
    assert newest(tmp_path) == ("iter_300.pth", [])


@pytest.mark.parametrize("damage", ["empty", "truncated", "flipped", "text"])
def test_damaged_files_are_named_and_passed_over(tmp_path, damage):
    write_run(tmp_path / "iter_1.pth", iteration=1)
    bad = write_run(tmp_path / "iter_2.pth", iteration=2)
    if damage == "flipped":
        flip_a_bit(bad)
    else:
        sound = bad.read_bytes()
        bad.write_bytes({"empty": b"", "truncated": sound[: len(sound) // 2], "text": b"oops\n"}[damage])
    name, warnings = newest(tmp_path)
    assert name == "iter_1.pth"
    (warning,) = warnings
    assert str(bad) in warning
    with pytest.raises(InputError, match=r"iter_2\.pth is (damaged|empty|no checkpoint)"):
        whole_run_checkpoint(bad)


def test_files_of_weights_alone_are_not_candidates(tmp_path):
    write_run(tmp_path / "iter_1.pth", iteration=1)
    best = write_run(tmp_path / "best_AP_iter_5.pth", iteration=5, optimizer=None)
    assert newest(tmp_path) == ("iter_1.pth", [])
    with pytest.raises(InputError, match="has no optimizer; to start a new run from its weights"):
        whole_run_checkpoint(best)


def test_nothing_to_resume_from(tmp_path):
    assert newest(tmp_path) == (None, [])
    assert newest(tmp_path / "missing") == (None, [])


def test_checkpoints_kept_elsewhere_are_found_through_the_pointer(tmp_path):
    elsewhere = tmp_path / "big_disk"
    elsewhere.mkdir()
    write_run(elsewhere / "iter_1.pth", iteration=1)
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    (work_dir / "last_checkpoint").write_text(str(elsewhere / "iter_0.pth"))
    assert newest(work_dir) == ("iter_1.pth", [])


def test_a_copied_work_folder_uses_its_own_files(tmp_path):
    """The pointer of the copy names the original, which has gone on meanwhile."""
    original, copy = tmp_path / "original", tmp_path / "copy"
    for folder in (original, copy):
        folder.mkdir()
        write_run(folder / "iter_1.pth", iteration=1)
        (folder / "last_checkpoint").write_text(str(original / "iter_1.pth"))
    write_run(original / "iter_2.pth", iteration=2)
    assert newest_run_checkpoint(copy, print).path == copy / "iter_1.pth"


@pytest.mark.parametrize("content", [b"\xff\xfe/x", b"", b"a\0b"])
def test_a_damaged_pointer_names_nothing(tmp_path, content):
    (tmp_path / "last_checkpoint").write_bytes(content)
    assert newest(tmp_path) == (None, [])


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "touched"), "w"))

    write_run(tmp_path / "iter_1.pth", iteration=1, state_dict={"weight": Evil()})
    name, (warning,) = newest(tmp_path)
    assert name is None
    assert "nothing else is loaded" in warning
    assert not (tmp_path / "touched").exists()
