"""Random draws that a resumed run repeats."""

from __future__ import annotations

from mmdet.registry import HOOKS
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from clipvis_data.seeding import seed_generators


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
