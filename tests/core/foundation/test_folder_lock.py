"""A lock on a folder."""

from __future__ import annotations

import os
import signal

import pytest

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.folder_lock import FolderLock


def test_a_folder_has_one_holder(tmp_path):
    lock = FolderLock(tmp_path, "wait for it")
    with pytest.raises(InputError, match=r"another run is writing to .*: wait for it"):
        FolderLock(tmp_path, "wait for it")
    lock.close()
    FolderLock(tmp_path, "wait for it").close()


def test_a_forked_child_does_not_keep_the_lock(tmp_path):
    lock = FolderLock(tmp_path, "wait for it")
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    try:
        with pytest.raises(InputError):
            FolderLock(tmp_path, "wait for it")
        lock.close()
        for _ in range(200):  # until the child has come as far as its hook
            try:
                FolderLock(tmp_path, "wait for it").close()
                break
            except InputError:
                signal.sigtimedwait([], 0.01)
        FolderLock(tmp_path, "wait for it").close()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
