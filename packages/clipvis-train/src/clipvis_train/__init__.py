"""Training pieces of CLIP-VIS for the mmengine runner: optimizer constructor, hooks.

Importing this package registers them.
"""

import torch

from clipvis_core.checkpoints.files import HARMLESS_TYPES
from clipvis_train.checkpoint_hook import SafeCheckpointHook
from clipvis_train.clip_hooks import InitialWeightsHook, VocabularyHook
from clipvis_train.errors import TrainingError
from clipvis_train.finite_loss_hook import FiniteLossHook
from clipvis_train.launching import process_group
from clipvis_train.mixed_precision import BFloat16OptimWrapper, use_mixed_precision
from clipvis_train.optimizer import CLIPVISOptimWrapperConstructor, parameter_groups
from clipvis_train.resuming import ResumeHook
from clipvis_train.sampler_state_hook import SamplerStateHook
from clipvis_train.seed_hook import IterationSeedHook
from clipvis_train.stop_hook import StopHook
from clipvis_train.tensorboard import add_tensorboard, check_tensorboard
from clipvis_train.visualization_hook import PredictionVisualizationHook

# mmengine's own checkpoints hold its logging history, which torch >= 2.6 refuses unless it is named here.
torch.serialization.add_safe_globals(HARMLESS_TYPES)

__version__ = "0.2.0"
__all__ = [
    "BFloat16OptimWrapper",
    "CLIPVISOptimWrapperConstructor",
    "FiniteLossHook",
    "InitialWeightsHook",
    "IterationSeedHook",
    "PredictionVisualizationHook",
    "ResumeHook",
    "SafeCheckpointHook",
    "SamplerStateHook",
    "StopHook",
    "TrainingError",
    "VocabularyHook",
    "add_tensorboard",
    "check_tensorboard",
    "parameter_groups",
    "process_group",
    "use_mixed_precision",
]
