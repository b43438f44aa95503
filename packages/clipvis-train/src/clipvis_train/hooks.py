"""Runner, hooks, optimizer constructor and wrapper of training; importing this registers them."""

import torch

from clipvis_core.checkpoints.files import HARMLESS_TYPES
from clipvis_train.checkpoint_hook import SafeCheckpointHook
from clipvis_train.finite_loss_hook import FiniteLossHook
from clipvis_train.iteration_seed_hook import IterationSeedHook
from clipvis_train.mixed_precision import BFloat16OptimWrapper
from clipvis_train.optimizer import CLIPVISOptimWrapperConstructor
from clipvis_train.runner import CLIPVISRunner
from clipvis_train.sampler_state_hook import SamplerStateHook
from clipvis_train.stop_hook import StopHook
from clipvis_train.visualization_hook import PredictionVisualizationHook

# mmengine's own checkpoints hold its logging history, which torch >= 2.6 refuses unless it is named here.
torch.serialization.add_safe_globals(HARMLESS_TYPES)

__all__ = [
    "BFloat16OptimWrapper",
    "CLIPVISOptimWrapperConstructor",
    "CLIPVISRunner",
    "FiniteLossHook",
    "IterationSeedHook",
    "PredictionVisualizationHook",
    "SafeCheckpointHook",
    "SamplerStateHook",
    "StopHook",
]
