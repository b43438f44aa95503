"""Resuming the stream of training samples where a checkpoint was written."""

from __future__ import annotations

from collections.abc import Iterator

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from clipvis_core.foundation.errors import InputError
from clipvis_data.samplers import EndlessSampler, seek

STATE_KEY = "train_sampler"


@HOOKS.register_module()
class SamplerStateHook(Hook):
    """Saves the position of the training sampler in checkpoints; a resumed run goes on from it.

    Workers fetch ahead, so the position that counts is the number of batches the loop has consumed: its iteration
    number. The sampler replays its draws up to there, which takes a second for a million samples; the images in
    between are not read (mmengine's loop would read them all). A resumed run sees the batches an undisturbed one would
    have seen, augmented in the same way, because each index carries the seed of its augmentation
    (`clipvis_data.seeding`). The training sampler must be an `EndlessSampler`.
    """

    priority = "LOW"

    def __init__(self) -> None:
        self._state: dict | None = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Adds the state to a checkpoint."""
        if runner.train_loop is None or isinstance(runner.train_loop, dict):
            return
        # Not `runner.iter`, which is one behind while the hooks of an iteration run.
        checkpoint[STATE_KEY] = describe(runner.train_dataloader) | {"batches": checkpoint["meta"]["iter"]}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keeps a checkpoint's state until training starts."""
        self._state = checkpoint.get(STATE_KEY)

    def before_train(self, runner: Runner) -> None:
        """Moves the training loader to the saved position if the run was resumed.

        Raises:
            InputError: The sampler has no position; now, not when the first checkpoint is saved.
        """
        loader, done = runner.train_dataloader, runner.iter
        _sampler(loader)
        if done == 0:
            return
        seek(loader, self._position(runner, loader, done))
        runner.train_loop.dataloader_iterator = _PositionedIterator(loader, calls_to_skip=done)

    def _position(self, runner: Runner, loader: DataLoader, done: int) -> int:
        """Batches to skip; adopts the seed of the run that wrote the checkpoint."""
        state = self._state
        if state is None:
            runner.logger.warning(
                f"the checkpoint has no sampler state; the samples go on from iteration {done} of this run's own stream"
            )
            return done
        current = describe(loader)
        _sampler(loader).seed = state["seed"]
        if current["length"] != state["length"]:
            runner.logger.warning(
                f"the training set has {current['length']} records but had {state['length']} when "
                "the checkpoint was written; the samples start over"
            )
            return 0
        total = state["batch_size"] * state["world_size"]
        new_total = current["batch_size"] * current["world_size"]
        if total != new_total:
            runner.logger.warning(
                f"the batch over all ranks is {new_total} but was {total}; the samples go on from "
                "about the same place in the stream"
            )
        return round(state["batches"] * total / new_total)


def describe(loader: DataLoader) -> dict[str, int]:
    """What the order of a loader's samples depends on: seed, length, batch size and number of ranks."""
    sampler = _sampler(loader)
    return {
        "seed": sampler.seed,
        "length": len(sampler),
        "batch_size": loader.batch_sampler.batch_size,
        "world_size": sampler.world_size,
    }


def _sampler(loader: DataLoader) -> EndlessSampler:
    sampler = getattr(loader.batch_sampler, "sampler", loader.sampler)
    if not isinstance(sampler, EndlessSampler):
        raise InputError(
            f"the training sampler {type(sampler).__name__} cannot be resumed: use EndlessSampler or "
            "RepeatFactorSampler, or take SamplerStateHook out of custom_hooks"
        )
    return sampler


class _PositionedIterator:
    """Iterator of a loader that is at the resumed position already.

    On resuming, mmengine's loop calls `next` once for each finished iteration to skip its batch; here those give None.
    """

    def __init__(self, loader: DataLoader, calls_to_skip: int) -> None:
        self._batches: Iterator = iter(loader)
        self._calls_to_skip = calls_to_skip

    def __next__(self) -> object:
        if self._calls_to_skip > 0:
            self._calls_to_skip -= 1
            return None
        return next(self._batches)
