"""A disk that fills up while a log is written ends training with one line."""

from __future__ import annotations

import errno
import sys

import pytest

from clipvis_core import InputError


def test_full_disk_is_a_users_error_and_other_faults_are_not(monkeypatch, repo_root, tmp_path):
    import _training
    import train

    config = str(repo_root / "configs/image/clipvis_r50_lvis.py")
    monkeypatch.setattr(sys, "argv", ["train.py", config, "--work-dir", str(tmp_path)])

    class FailingRunner:
        train_loop = "some"

        def __init__(self, number):
            self.number = number

        def train(self):
            raise OSError(self.number, "as the system says", "scalars.json")

    monkeypatch.setattr(_training.RUNNERS, "build", lambda config: FailingRunner(errno.ENOSPC))
    with pytest.raises(InputError, match=r"scalars\.json: as the system says; the checkpoints are"):
        train.main()
    monkeypatch.setattr(_training.RUNNERS, "build", lambda config: FailingRunner(errno.EIO))
    with pytest.raises(OSError, match="as the system says"):
        train.main()


def test_a_disk_that_is_full_from_the_start(monkeypatch, repo_root, tmp_path):
    import _training
    import train

    def build(config):
        raise OSError(errno.ENOSPC, "as the system says", "scalars.json")

    config = str(repo_root / "configs/image/clipvis_r50_lvis.py")
    monkeypatch.setattr(sys, "argv", ["train.py", config, "--work-dir", str(tmp_path)])
    monkeypatch.setattr(_training.RUNNERS, "build", build)
    with pytest.raises(InputError, match=r"scalars\.json: as the system says; make room"):
        train.main()
