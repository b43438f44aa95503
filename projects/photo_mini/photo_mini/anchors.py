"""Labels that ImageNet lacks, such as "person" and "cow": classifier rows fitted on annotated photos."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .objects import Objects

SHRINKAGE = 4e-3
SPREAD_FLOOR = 0.05
FITTING_STEPS = 60
FIRST_OFFSET = -4.0
HELD_OUT = 5
TEMPERATURES = torch.logspace(0.3, 1.7, 57)


def fit_anchors(objects: Objects, classifier: nn.Linear) -> tuple[Tensor, Tensor]:
    """Rows for K further labels: softmax regression beside the classifier's own rows, which stay as they are.

    Rare names weigh more (inverse square root of their number), and rows are shrunk towards zero.

    Args:
        objects: Annotated objects, with K names.
        classifier: From features to the labels there are.

    Returns:
        Weight `(K, C)` and bias `(K,)`.
    """
    mean = objects.features.mean(dim=0)
    spread = objects.features.std(dim=0) + SPREAD_FLOOR
    x = (objects.features - mean) / spread
    own = classifier(objects.features).logsumexp(dim=1, keepdim=True)
    counts = torch.bincount(objects.labels, minlength=len(objects.names))
    weights = counts[objects.labels].float().rsqrt()
    weights = weights / weights.sum()
    rows = torch.zeros(len(counts), x.shape[1], requires_grad=True)
    offsets = torch.full((len(counts),), float(own.mean()) + FIRST_OFFSET, requires_grad=True)
    optimizer = torch.optim.LBFGS([rows, offsets], max_iter=FITTING_STEPS, line_search_fn="strong_wolfe")

    def objective() -> Tensor:
        optimizer.zero_grad()
        logits = torch.cat([F.linear(x, rows, offsets), own], dim=1)
        errors = F.cross_entropy(logits, objects.labels, reduction="none")
        loss = (weights * errors).sum() + SHRINKAGE * rows.square().sum()
        loss.backward()
        return loss

    optimizer.step(objective)
    weight = rows.detach() / spread
    return weight, offsets.detach() - weight @ mean


def split_photos(objects: Objects) -> tuple[Objects, Objects]:
    """Objects to fit on, and those of every fifth photo, which choose the temperature."""
    chosen = objects.photos % HELD_OUT == 0
    return objects[~chosen], objects[chosen]


def best_temperature(cosines: Tensor, labels: Tensor) -> Tensor:
    """The factor on cosines `(N, K)` under which the true names `(N,)` are likeliest, shape `()`."""
    losses = torch.stack([F.cross_entropy(factor * cosines, labels) for factor in TEMPERATURES])
    return TEMPERATURES[losses.argmin()]
