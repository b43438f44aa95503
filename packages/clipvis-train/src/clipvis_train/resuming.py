"""Where a run starts: from initial weights or from a checkpoint, with random draws that a resumed run repeats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmdet.registry import HOOKS
from mmengine.dist import broadcast_object_list, get_rank, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from clipvis_core import InputError
from clipvis_core.checkpoints import check_shapes, check_sums, load_checkpoint, read_checkpoint
from clipvis_core.models.vocabulary_hook import inner_model
from clipvis_data.seeding import seed_generators
from clipvis_train.changed_settings import describe_changes

#: What a checkpoint of a training run holds and one of weights alone (the best one, a published one) does not.
RUN_ENTRIES = ("meta", "state_dict", "message_hub", "optimizer")


@dataclass(frozen=True, order=True)
class RunCheckpoint:
    """A checkpoint a run can go on from; a later one is greater."""

    written: str  # as mmengine notes the time: `YYYYmmdd_HHMMSS`
    iteration: int  # finished iterations
    path: Path


@HOOKS.register_module()
class InitialWeightsHook(Hook):
    """Loads `load_from` strictly, official files too, instead of downloading the encoder's weights first.

    mmengine would initialise the model (and so download a CLIP), then load what happens to fit of the file. Here a
    file of another encoder or depth stops the run with one line, and nothing is downloaded that is overwritten.
    """

    priority = "VERY_HIGH"

    def before_run(self, runner: Runner) -> None:
        """Loads `load_from`, or leaves the weights to the checkpoint that the run resumes from."""
        model = inner_model(runner)
        if runner._resume:
            model.backbone.is_init = True  # mmengine's mark that `init_weights` has nothing to do
        elif runner._load_from is not None:
            layout = load_checkpoint(model, runner._load_from)
            runner.logger.info(f"loaded {runner._load_from}: {layout}")
            runner._load_from = None
            model.is_init = True


@HOOKS.register_module()
class IterationSeedHook(Hook):
    """Seeds all generators before each iteration, from the run's seed, the rank and the iteration.

    What an iteration draws (the points of the mask losses, dropout) then does not depend on what was drawn before it:
    a resumed run needs no saved state of generators, and a validation in between changes nothing.
    """

    priority = "HIGHEST"  # before any other hook draws

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: object = None) -> None:
        """Seeds all generators for the iteration."""
        seed_generators(runner.seed, get_rank(), batch_idx)


@HOOKS.register_module()
class ResumeHook(Hook):
    """Decides what a resumed run goes on from, and says so.

    With `resume = True` and a `load_from`, that file; it must be whole and fit the model. With `resume = "auto"`, or
    `resume = True` and no `load_from`, the newest checkpoint in the work dir that loads: damaged ones are named and
    skipped. If there is none, the run starts from the beginning, from `load_from` where there is one.

    Raises:
        InputError: The named file is damaged, is no checkpoint of a training run, or is one of another model.
    """

    priority = "HIGHEST"  # before the initial weights are looked for

    def before_run(self, runner: Runner) -> None:
        """Finds the checkpoint to go on from, before mmengine looks for it."""
        if not runner._resume:
            return
        if runner._resume == "auto" or runner._load_from is None:
            found = _newest_for_all_ranks(runner)
            if found is None:
                runner.logger.info(f"no checkpoint to resume from in {runner.work_dir}: starting from the beginning")
                runner._resume = False
                return
        else:
            found = whole_run_checkpoint(runner._load_from)
        state = read_checkpoint(found.path)["state_dict"]
        check_shapes(state, inner_model(runner).state_dict(), found.path)
        runner._resume, runner._load_from = True, str(found.path)
        runner.logger.info(f"resuming from {found.path} at iteration {found.iteration}")

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Names what the config says otherwise than that of the checkpoint."""
        if runner._resume:
            for line in describe_changes(checkpoint["meta"].get("cfg"), runner.cfg.pretty_text):
                runner.logger.warning(line)


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


def _newest_for_all_ranks(runner: Runner) -> RunCheckpoint | None:
    """The main process's choice: the others may see a shared folder late."""
    choice: list[RunCheckpoint | None] = [None]
    if is_main_process():
        choice = [newest_run_checkpoint(runner.work_dir, runner.logger.warning)]
    broadcast_object_list(choice)
    return choice[0]


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
