"""Checkpoints that are written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmdet.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.fileio import BaseStorageBackend, LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.whole_file import remove_unfinished, whole_file


@register_backend("whole_file")
class WholeFileBackend(LocalBackend):
    """mmengine's local files, written whole or not at all."""

    def put(self, obj: bytes | memoryview, filepath: str | Path) -> None:
        """Writes a file.

        Raises:
            InputError: The disk is full, or the folder cannot be written to. The old file stays.
        """
        try:
            Path(filepath).parent.mkdir(parents=True, exist_ok=True)
            with whole_file(filepath) as file:
                file.write(obj)
        except OSError as error:
            raise InputError(
                f"cannot write {filepath}: {error.strerror}; the files before it are whole: "
                "make room and go on with --resume"
            ) from None


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's `CheckpointHook` for runs that may be killed at any moment.

    A checkpoint is written under a temporary name, brought to the disk and renamed; then the pointer
    `last_checkpoint` is replaced in the same way; then outdated checkpoints are removed. Temporary files of a
    killed run are removed when the next one starts. Counts in iterations.

    Args:
        backend_args: mmengine's file backend, for a store that is not a folder.
        **kwargs: See `CheckpointHook`.

    Raises:
        InputError: A file cannot be written.
    """

    def __init__(self, *, backend_args: dict | None = None, by_epoch: bool = False, **kwargs: Any) -> None:
        if by_epoch:
            raise ValueError("SafeCheckpointHook counts in iterations: by_epoch must be False")
        super().__init__(by_epoch=False, backend_args=backend_args or {"backend": "whole_file"}, **kwargs)
        self._saved: int | None = None

    def before_train(self, runner: Runner) -> None:
        """Prepares the folder."""
        super().before_train(runner)
        self._stay_in_folder(runner)
        if is_main_process():
            left = [*remove_unfinished(self.out_dir, "*.pth"), *remove_unfinished(runner.work_dir, "last_checkpoint")]
            for path in left:
                runner.logger.info(f"removed {path}, which a killed run left unfinished")

    def _stay_in_folder(self, runner: Runner) -> None:
        """The best checkpoint so far is the one in this folder: a copied run must not remove that of the original."""
        for key, path in list(runner.message_hub.runtime_info.items()):
            if key.startswith("best_ckpt") and path:
                runner.message_hub.update_info(key, self._here(path))
        if self.save_best is not None and len(self.key_indicators) == 1:
            self.best_ckpt_path = self._here(self.best_ckpt_path)
        elif self.save_best is not None:
            self.best_ckpt_path_dict = {key: self._here(path) for key, path in self.best_ckpt_path_dict.items()}

    def _here(self, path: str | None) -> str | None:
        return path and self.file_backend.join_path(self.out_dir, Path(path).name)

    def after_train_iter(self, runner: Runner, batch_idx: int, **kwargs: object) -> None:
        """Saves after each interval and, with `save_last`, after the last iteration."""
        is_due = self.every_n_train_iters(runner, self.interval, self.save_begin)
        if is_due or (self.save_last and self.is_last_train_iter(runner)):
            runner.logger.info(f"Saving checkpoint at {runner.iter + 1} iterations")
            self._save(runner, runner.iter + 1)

    def after_val_epoch(self, runner: Runner, metrics: dict) -> None:
        """As mmengine's, but the best one so far is removed after the better one is on the disk."""
        backend, last = self.file_backend, self.last_ckpt
        best = _best_checkpoints(runner)
        self.file_backend = postponed = _PostponedRemovals(backend)
        self.last_ckpt = None  # mmengine would write this one again itself, not whole
        try:
            super().after_val_epoch(runner, metrics)
        finally:
            self.file_backend, self.last_ckpt = backend, last
        better = _best_checkpoints(runner)
        if last is not None and better != best:
            self._save(runner, runner.iter)  # again, as it names the best one
        self._remove(path for path in postponed.removed if path not in better)

    def save_now(self, runner: Runner, iteration: int) -> None:
        """Saves outside the interval after this many finished iterations, if they are not saved already."""
        if self._saved != iteration:
            self._save(runner, iteration)

    def _save(self, runner: Runner, step: int) -> None:
        """Saves after `step` iterations; nothing is removed or pointed at before the new file is on the disk."""
        name = self.filename_tmpl.format(step)
        outdated = []
        if self.max_keep_ckpts > 0:
            kept = [*(other for other in self.keep_ckpt_ids if other != step), step]
            outdated, kept = kept[: -self.max_keep_ckpts], kept[-self.max_keep_ckpts :]
            self.keep_ckpt_ids.clear()
            self.keep_ckpt_ids.extend(kept)
            runner.message_hub.update_info("keep_ckpt_ids", kept)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info("last_ckpt", self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta={"epoch": runner.epoch, "iter": step},
            by_epoch=False,
            backend_args=self.backend_args,
            **self.args,
        )
        self._saved = step
        if is_main_process():
            pointer = Path(runner.work_dir) / "last_checkpoint"
            WholeFileBackend().put(self.last_ckpt.encode(), pointer)
            self._remove(
                self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(other)) for other in outdated
            )

    def _remove(self, paths: Iterable[str]) -> None:
        for path in paths:
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)


def _best_checkpoints(runner: Runner) -> set[str]:
    """Files of the best weights so far, one a metric."""
    return {path for key, path in runner.message_hub.runtime_info.items() if key.startswith("best_ckpt")}


class _PostponedRemovals:
    """A file backend that lists what it is told to remove."""

    def __init__(self, backend: BaseStorageBackend) -> None:
        self._backend = backend
        self.removed: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        self.removed.append(path)
