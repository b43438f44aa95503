"""The training benchmark compares two forms of one computation: the results must be the same."""

from __future__ import annotations

import argparse
from contextlib import nullcontext

import pytest
import torch

pytestmark = pytest.mark.slow


@pytest.fixture
def step(repo_root):
    from benchmarks.train import add_arguments, training_step

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    config = str(repo_root / "configs/quick/photos.py")
    torch.manual_seed(0)
    return training_step(parser.parse_args(["--config", config, "--size", "64x96", "--objects", "3"]))


def test_the_published_order_gives_the_same_losses(step):
    from benchmarks.published_form import published_form

    def losses(form):
        torch.manual_seed(1)
        with form, torch.no_grad():
            return step.model.compute_losses(step.images, step.targets)

    ours, published = losses(nullcontext()), losses(published_form(step.model))
    assert ours.keys() == published.keys()
    for name, value in ours.items():
        torch.testing.assert_close(published[name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_the_published_order_pools_the_same_clip_features(step):
    from benchmarks.published_form import embed_regions

    dense = step.model.extract_feat(step.images).dense
    mask_logits = torch.randn((1, 5, 16, 24), generator=torch.Generator().manual_seed(0))
    masks = torch.nn.functional.interpolate(mask_logits, size=dense.shape[-2:], mode="bilinear") > 0
    some = masks.flatten(2).any(dim=-1)
    pooled = embed_regions(step.model, dense, masks)
    torch.testing.assert_close(
        pooled[some], step.model.backbone.region_embeddings(dense, masks)[some], rtol=1e-4, atol=1e-5
    )


def test_stages_add_up_and_the_model_moves(step):
    before = step.model.head.query_decoder.query_feat.weight.detach().clone()
    seconds = step(nullcontext())
    parts = sum(value for stage, value in seconds.items() if stage != "total")
    assert seconds.keys() >= {"backbone", "pixel_decoder", "query_decoder", "losses", "backward"}
    assert parts == pytest.approx(seconds["total"], rel=0.05)
    assert not torch.equal(before, step.model.head.query_decoder.query_feat.weight)
