"""Contrastive training of a small CLIP: it learns, names regions, is measured, exported and resumed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.structures import InstanceData

from clipvis_core import InputError, Vocabulary
from clipvis_core.models.clip_backbone import FrozenCLIP
from clipvis_core.models.clip_text import tokenize
from clipvis_core.text import fill_templates
from projects.emojivis.emojivis import emoji_vocabulary
from projects.emojivis.emojivis.captions import write_caption
from projects.emojivis.emojivis.contrastive import ContrastiveCLIP, ExportCLIPHook, ZeroShotAccuracy
from projects.emojivis.emojivis.contrastive.model import mask_cells
from projects.emojivis.emojivis.datasets import EmojiCaptionDataset

SCENE = {"size": (128, 128), "objects": (1, 1), "sprite_size": (80, 110), "distractors": (0, 0)}


def pairs(number):
    """Images as a model takes them, and their captions."""
    dataset = EmojiCaptionDataset(split="train", length=number, scene=SCENE)
    items = [dataset[index] for index in range(number)]
    images = torch.stack([item["inputs"] for item in items]).float()
    return (images - 120) / 60, [item["captions"] for item in items]


@pytest.fixture(scope="module")
def learnt():
    """A model that knows six pairs by heart, and its losses on the way."""
    torch.manual_seed(0)
    model = ContrastiveCLIP(model_name="clip-nano", templates=("a photo of a {}.",))
    images, captions = pairs(6)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    model.train()
    for _ in range(16):
        output = model(images, captions, mode="loss")
        optimizer.zero_grad()
        output["loss_contrastive"].backward()
        optimizer.step()
        losses.append(output["loss_contrastive"].item())
    return model.eval(), losses


def test_the_loss_falls(learnt):
    _, losses = learnt
    assert losses[0] == pytest.approx(np.log(6), abs=1.0)
    assert losses[-1] < 0.3 * losses[0]


def test_the_loss_is_that_of_the_formula(learnt):
    model, _ = learnt
    images, captions = pairs(6)
    with torch.no_grad():
        output = model(images, captions, mode="loss")
        rows = F.normalize(model(images), dim=-1)
        words = F.normalize(model.clip.encode_text(model.tokenizer(captions)), dim=-1)
    logits = model.clip.logit_scale.exp() * rows @ words.T
    target = torch.arange(6)
    expected = 0.5 * (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target))
    torch.testing.assert_close(output["loss_contrastive"], expected, rtol=1e-4, atol=1e-5)
    assert output["top1"] == (logits.argmax(dim=1) == target).float().mean()


def test_a_caption_that_is_too_long_is_named(learnt):
    model, _ = learnt
    with pytest.raises(InputError, match="tokens and CLIP reads 48"):
        model(torch.zeros(1, 3, 128, 128), ["a dog " * 40], mode="loss")


def test_every_caption_and_prompt_fits_the_text_tower(learnt):
    model, _ = learnt
    names = emoji_vocabulary().names
    longest = sorted(names, key=lambda name: len(model.tokenizer.encode(name)))[-3:]
    captions = [write_caption(np.random.default_rng(seed), longest, [0.1] * 3) for seed in range(200)]
    prompts = [prompt for name in longest for prompt in fill_templates(name)]
    tokenize(model.tokenizer, [*captions, *prompts], model.clip.context_length)


def sample(masks, labels):
    instances = InstanceData(masks=BitmapMasks(masks.astype(np.uint8), *masks.shape[1:]), labels=torch.tensor(labels))
    return DetDataSample(gt_instances=instances)


def test_prediction_names_the_image_and_each_region(learnt):
    model, _ = learnt
    images, _ = pairs(2)
    model.set_vocabulary(Vocabulary.from_categories(["dog", "cat", "owl"]))
    whole = np.ones((1, 128, 128), bool)
    both = np.stack([whole[0], np.tri(128, dtype=bool)])
    with torch.no_grad():
        first, second = model(images, data_samples=[sample(whole, [0]), sample(both, [1, 2])], mode="predict")
        embedding = model.words.embed(model._vocabulary)
        expected = embedding.logits(model.clip.encode_image(images), 1.0).argmax(dim=-1)
    assert [first.image_label, second.image_label] == expected.tolist()
    assert first.pred_instances.labels.shape == (1,)
    assert second.pred_instances.labels.shape == (2,)


def test_an_image_without_an_instance_is_named_too(learnt):
    model, _ = learnt
    images, _ = pairs(1)
    model.set_vocabulary(Vocabulary.from_categories(["dog", "cat"]))
    nothing = sample(np.zeros((0, 128, 128), bool), [])
    with torch.no_grad():
        (named,) = model(images, data_samples=[nothing], mode="predict")
    assert named.image_label in (0, 1)
    assert named.pred_instances.labels.shape == (0,)


def test_new_weights_bring_new_words(learnt):
    model, _ = learnt
    vocabulary = Vocabulary.from_categories(["dog"])
    model.set_vocabulary(vocabulary)
    before = model.words.embed(vocabulary).rows
    with torch.no_grad():
        model.clip.text_projection.mul_(-1)
    model.set_vocabulary(vocabulary)
    torch.testing.assert_close(model.words.embed(vocabulary).rows, -before)
    with torch.no_grad():
        model.clip.text_projection.mul_(-1)


def test_cells_of_a_mask():
    masks = torch.zeros(3, 128, 160, dtype=torch.bool)
    masks[0] = True
    masks[1, 32:64, 64:128] = True
    masks[2, 0:8, 0:8] = True  # no cell's centre
    cells = mask_cells(masks, (4, 5))
    assert cells[0].all()
    assert cells[1].nonzero().tolist() == [[1, 2], [1, 3]]
    assert not cells[2].any()


def test_accuracy_counts_regions_images_and_groups():
    vocabulary = emoji_vocabulary()
    novel = vocabulary.id_to_label[vocabulary.group("novel")[0]]
    base = vocabulary.id_to_label[vocabulary.group("base")[0]]
    metric = ZeroShotAccuracy()

    def seen(right, called, image):
        labels = {"gt_instances": {"labels": torch.tensor(right)}, "image_label": image}
        return labels | {"pred_instances": {"labels": torch.tensor(called)}}

    metric.process(None, [seen([base], [base], novel), seen([novel], [base], novel)])
    metric.process(None, [seen([base, novel], [base, novel], base)])
    numbers = metric.compute_metrics(metric.results)
    assert numbers == {
        "region_top1": 0.75,
        "image_top1": 0.5,
        "region_top1_base": 1.0,
        "image_top1_base": 0.0,
        "region_top1_novel": 0.5,
        "image_top1_novel": 1.0,
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory, repo_root):
    """The config's run, two iterations of four pairs, then resumed for one more."""
    folder = tmp_path_factory.mktemp("clip_nano")

    def train(iterations, resume):
        config = Config.fromfile(repo_root / "projects/emojivis/configs/clip_nano.py")
        config.work_dir, config.resume = str(folder), resume
        config.train_cfg.update(max_iters=iterations, val_interval=2)
        config.train_dataloader.update(batch_size=4, num_workers=0, persistent_workers=False)
        config.val_dataloader.update(batch_size=4, num_workers=0, persistent_workers=False)
        config.val_dataloader.dataset.length = 4
        config.model.templates = ("a photo of a {}.",)
        runner = RUNNERS.build(config)
        runner.train()
        return runner

    return folder, train(2, False), train(3, True)


def test_the_config_trains_measures_and_resumes(run):
    _, first, second = run
    scalars = first.message_hub.log_scalars
    assert "val/zero_shot/region_top1" in scalars
    assert np.isfinite(scalars["train/loss_contrastive"].data[0]).all()
    assert (first.iter, second.iter) == (2, 3)


def test_the_exported_file_is_the_pretrained_of_a_frozen_clip(run):
    folder, _, runner = run
    path = folder / "clip_nano.safetensors"
    assert path.stat().st_size < 9_000_000
    frozen = FrozenCLIP("clip-nano", pretrained=str(path))
    frozen.init_weights()
    images, _ = pairs(1)
    model = runner.model.eval()
    with torch.no_grad():
        torch.testing.assert_close(
            frozen.clip.encode_image(images), model.clip.encode_image(images), rtol=0.02, atol=0.02
        )
    for name, tensor in model.clip.state_dict().items():
        expected = tensor.half().to(tensor.dtype) if tensor.is_floating_point() else tensor
        torch.testing.assert_close(frozen.clip.state_dict()[name], expected, rtol=0, atol=0)


def test_export_in_full_precision(run, tmp_path):
    _, _, runner = run
    elsewhere = SimpleNamespace(work_dir=tmp_path, model=runner.model, logger=runner.logger)
    ExportCLIPHook("full.safetensors", half=False).after_train(elsewhere)
    assert (tmp_path / "full.safetensors").stat().st_size > 16_000_000
