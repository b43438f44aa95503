"""Which checkpoint a run goes on from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process

from clipvis_core.checkpoints import check_sums, read_checkpoint
from clipvis_core.foundation.errors import InputError

#: What a checkpoint of a training run holds and one of weights alone (the best one, a published one) does not.
RUN_ENTRIES = ("meta", "state_dict", "message_hub", "optimizer")


@dataclass(frozen=True, order=True)
class RunCheckpoint:
    """A checkpoint a run can go on from; a later one is greater."""

    written: str  # as mmengine notes the time: `YYYYmmdd_HHMMSS`
    iteration: int  # finished iterations
    path: Path


def newest_run_checkpoint(work_dir: str | Path, warn: Callable[[str], None]) -> RunCheckpoint | None:
    """The newest checkpoint of a run that loads.

    Where the folder itself has none, the one that `last_checkpoint` names is searched: a copied run goes on with its
    own files, and one that keeps its checkpoints elsewhere is found.

    Args:
        work_dir: Folder of the run.
        warn: Called with a line for each damaged file.
    """
    found = []
    for path in _checkpoint_files(Path(work_dir)):
        try:
            content = read_checkpoint(path, sums=False)
            if all(entry in content for entry in RUN_ENTRIES):
                found.append(_describe(content, path))
        except InputError as error:
            warn(f"passed over: {error}")
    for candidate in sorted(found, reverse=True):
        try:
            check_sums(candidate.path)
            return candidate
        except InputError as error:
            warn(f"passed over: {error}")
    return None


def newest_for_all_ranks(work_dir: str | Path, warn: Callable[[str], None]) -> RunCheckpoint | None:
    """`newest_run_checkpoint` of the main process, for all: the others may see a shared folder late."""
    choice: list[RunCheckpoint | None] = [None]
    if is_main_process():
        choice = [newest_run_checkpoint(work_dir, warn)]
    broadcast_object_list(choice)
    return choice[0]


def whole_run_checkpoint(path: str | Path) -> RunCheckpoint:
    """A named checkpoint of a run, all of which can be read.

    Raises:
        InputError: It is damaged or not a checkpoint of a run.
    """
    content = read_checkpoint(path)
    missing = [entry for entry in RUN_ENTRIES if entry not in content]
    if missing:
        raise InputError(
            f"{path} cannot be resumed from: it has no {' or '.join(missing)}; "
            "to start a new run from its weights, use load_from"
        )
    return _describe(content, path)


def _checkpoint_files(work_dir: Path) -> list[Path]:
    own = sorted(work_dir.glob("*.pth"))
    if own:
        return own
    try:
        elsewhere = Path((work_dir / "last_checkpoint").read_text("utf-8").strip()).parent
        return sorted(elsewhere.glob("*.pth"))
    except (OSError, ValueError):  # no pointer, or a damaged one
        return []


def _describe(content: dict[str, Any], path: str | Path) -> RunCheckpoint:
    meta = content["meta"]
    return RunCheckpoint(str(meta.get("time", "")), int(meta["iter"]), Path(path))
