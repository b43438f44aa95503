"""The published optimizer groups: parameters with weight decay and without; frozen ones are left out."""

from __future__ import annotations

from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, OPTIMIZERS
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

#: Modules whose weights and biases are not decayed.
NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.LocalResponseNorm)
#: Embeddings that are decayed all the same: the published pixel decoder holds its level embedding as a bare
#: parameter, which its rule for embeddings does not see.
DECAYED_EMBEDDINGS = ("pixel_decoder.level_embed",)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class CLIPVISOptimWrapperConstructor:
    """Builds an optimizer over the trainable parameters only, in two groups.

    Weight decay is 0 for all norm layers and `nn.Embedding`s but `DECAYED_EMBEDDINGS`, and the optimizer's own for
    the rest. Frozen parameters (all of CLIP) are left out, so that no state is kept for them.

    Args:
        optim_wrapper_cfg: mmengine's `optim_wrapper`; `optimizer.weight_decay` is the decay of the first group.
        paramwise_cfg: Not used by this rule; anything but None is a ValueError.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        if paramwise_cfg is not None:
            raise ValueError(f"the groups are fixed by the published rule; paramwise_cfg is not used: {paramwise_cfg}")
        self.optim_wrapper_cfg = dict(optim_wrapper_cfg)
        self.optimizer_cfg = self.optim_wrapper_cfg.pop("optimizer")

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """The wrapped optimizer of a model (or of the model inside a distributed wrapper)."""
        decayed, undecayed = parameter_groups(model.module if hasattr(model, "module") else model)
        groups = [{"params": list(decayed.values())}, {"params": list(undecayed.values()), "weight_decay": 0.0}]
        optimizer = OPTIMIZERS.build({**self.optimizer_cfg, "params": groups})
        return OPTIM_WRAPPERS.build(
            self.optim_wrapper_cfg, default_args={"type": "OptimWrapper", "optimizer": optimizer}
        )


def parameter_groups(model: nn.Module) -> tuple[dict[str, nn.Parameter], dict[str, nn.Parameter]]:
    """Trainable parameters by name: with weight decay, and without."""
    decayed, undecayed = {}, {}
    seen: set[nn.Parameter] = set()
    for module_name, module in model.named_modules():
        exempt = isinstance(module, NORMS) or (
            isinstance(module, nn.Embedding) and not module_name.endswith(DECAYED_EMBEDDINGS)
        )
        for name, parameter in module.named_parameters(prefix=module_name, recurse=False):
            if parameter.requires_grad and parameter not in seen:
                seen.add(parameter)
                (undecayed if exempt else decayed)[name] = parameter
    return decayed, undecayed
