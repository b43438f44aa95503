"""EmojiVIS painted on the fly, through the pipelines of training; captions."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.registry import DATASETS

import projects.emojivis.emojivis.datasets  # noqa: F401 - registers
from clipvis_data.seeding import StreamIndex
from projects.emojivis.emojivis import emoji_vocabulary
from projects.emojivis.emojivis.captions import write_caption

SMALL = {"size": (96, 128), "objects": (2, 4), "sprite_size": (30, 60)}
VOCABULARY = emoji_vocabulary()


def build(kind, **kwargs):
    return DATASETS.build({"type": kind, "split": "train", "length": 50, "scene": SMALL, **kwargs})


def test_a_clip_goes_through_the_video_pipeline():
    scene = {**SMALL, "length": 4}
    pipeline = [
        {"type": "ClipFrameSample", "num_frames": 2, "frame_range": 3},
        {"type": "ClipInstanceTable"},
        {
            "type": "TransformBroadcaster",
            "transforms": [
                {"type": "ResizeFrame", "short_sides": 48},
                {"type": "FlipFrame"},
                {"type": "RasteriseRows"},
            ],
        },
        {"type": "PackClip"},
    ]
    np.random.seed(0)
    dataset = build("EmojiVideoDataset", scene=scene, pipeline=pipeline)
    item = dataset[3]
    assert item["inputs"].shape == (2, 3, 48, 64)
    clip = dataset.world.clip(3)
    for frame in item["data_samples"]:
        rows = frame.gt_instances
        seen = rows.instances_ids >= 0
        assert seen.any()
        assert {clip.labels[i - 1] for i in rows.instances_ids[seen]} == set(rows.labels[seen].tolist())
        assert rows.masks.masks[seen.numpy()].any(axis=(1, 2)).all()
    assert dataset.metainfo["classes"] == VOCABULARY.names


def test_an_image_goes_through_the_image_pipeline():
    pipeline = [
        {"type": "LargeScaleJitter", "size": (96, 128), "scale_range": (1.0, 1.0), "flip_prob": 0.0},
        {"type": "PackDetInputs", "meta_keys": ("img_id", "img_path", "ori_shape", "img_shape")},
    ]
    dataset = build("EmojiImageDataset", pipeline=pipeline)
    item = dataset[7]
    clip = dataset.world.clip(7)
    np.testing.assert_array_equal(item["inputs"].numpy(), clip.frames[0].transpose(2, 0, 1))
    instances = item["data_samples"].gt_instances
    assert len(instances) == len(clip.masks(0))
    for label, mask, track in zip(instances.labels, instances.masks.masks, clip.masks(0), strict=True):
        assert label == clip.labels[track]
        np.testing.assert_array_equal(mask, clip.owners[0] == track + 1)
    base = set(VOCABULARY.group("base"))
    assert all(VOCABULARY.ids[label] in base for i in range(50) for label in dataset.world.clip(i).labels)


def test_augmentation_depends_on_the_place_in_the_stream_only():
    """So that a resumed run goes on as an undisturbed one would have."""
    jitter = {"type": "LargeScaleJitter", "size": (96, 128), "scale_range": (0.5, 2.0)}
    dataset = build("EmojiImageDataset", pipeline=[jitter, {"type": "PackDetInputs"}])
    first = dataset[StreamIndex(7, 3, 40)]["inputs"]
    np.random.random(5)
    torch.testing.assert_close(dataset[StreamIndex(7, 3, 40)]["inputs"], first, rtol=0, atol=0)
    assert not torch.equal(dataset[StreamIndex(7, 3, 41)]["inputs"], first)


def test_captions_name_what_is_seen_and_know_all_categories():
    dataset = build("EmojiCaptionDataset", length=400, scene={**SMALL, "objects": (1, 3)})
    named = set()
    for number in range(400):
        item = dataset[number]
        clip = dataset.world.clip(number)
        shown = {VOCABULARY.names[label] for label in clip.labels}
        told = {name for name in shown if name in item["captions"]}
        assert told
        named |= told
        assert set(item) == {"inputs", "captions"}, "no mask leaves the dataset"
    assert item["inputs"].shape == (3, 96, 128)
    assert item["inputs"].dtype == torch.uint8
    novel = {c.name for c in VOCABULARY.categories if c.split == "novel"}
    assert len(novel & named) > 0.9 * len(novel)


def test_an_object_that_is_hardly_seen_is_not_mentioned():
    dataset = build("EmojiCaptionDataset", scene={**SMALL, "objects": (3, 3)}, least_share=0.03)
    hidden = 0
    for number in range(50):
        clip = dataset.world.clip(number)
        caption = dataset[number]["captions"]
        for track, label in enumerate(clip.labels):
            share = (clip.owners == track + 1).mean()
            if share >= 0.03:
                assert VOCABULARY.names[label] in caption
            elif share == 0 and list(clip.labels).count(label) == 1:
                hidden += 1
                assert f" {VOCABULARY.names[label]}" not in f" {caption}".replace(",", "").split(" and ")
    assert hidden > 0


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.lists(st.sampled_from(VOCABULARY.names), min_size=1, max_size=4, unique=True))
def test_a_caption_names_all_objects(seed, names):
    caption = write_caption(np.random.default_rng(seed), names, [0.1] * len(names))
    assert all(name in caption for name in names)
    assert "{" not in caption
    assert caption.strip() == caption


def test_captions_vary():
    captions = {write_caption(np.random.default_rng(seed), ["owl"], [0.01]) for seed in range(200)}
    assert len(captions) > 20
    assert any("small owl" in caption for caption in captions)
    assert not any("large owl" in caption for caption in captions)


def test_workers_share_nothing_large():
    """What a worker process is sent: a few kilobytes, no sprites."""
    dataset = build("EmojiImageDataset", length=10)
    copy = pickle.loads(blob := pickle.dumps(dataset))
    assert len(blob) < 200_000
    np.testing.assert_array_equal(copy[4]["img"], dataset[4]["img"])


@pytest.mark.parametrize("kind", ["EmojiVideoDataset", "EmojiImageDataset", "EmojiCaptionDataset"])
def test_length_is_what_was_asked_for(kind):
    assert len(build(kind, length=12345)) == 12345
