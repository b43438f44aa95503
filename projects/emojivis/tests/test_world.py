"""Properties every clip has: fixed by its number, masks that are the visible regions, base categories in training."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as mask_api

from clipvis_core.foundation.errors import InputError
from projects.emojivis.emojivis import SPLITS, EmojiWorld, SceneOptions, emoji_vocabulary, load_sprites
from projects.emojivis.emojivis.backgrounds import FAMILIES, TEST_FAMILIES, TRAIN_FAMILIES, paint
from projects.emojivis.emojivis.painting import paint_scene
from projects.emojivis.emojivis.scenes import Actor, Motion, Scene, Shot, write_scene
from projects.emojivis.emojivis.world import LEAST_PIXELS

SMALL = SceneOptions(size=(96, 128), length=5, objects=(2, 4), sprite_size=(30, 60), cut_prob=0.5)
few = settings(max_examples=12, deadline=None, derandomize=True)
splits = st.sampled_from(sorted(SPLITS))
numbers = st.integers(0, 2**31 - 1)


def digest(clip):
    return hashlib.sha256(clip.frames.tobytes() + clip.owners.tobytes()).hexdigest()


@few
@given(splits, numbers, numbers)
def test_a_clip_is_fixed_by_seed_split_and_number(split, seed, index):
    first, second = (EmojiWorld(split, seed=seed, options=SMALL) for _ in range(2))
    first.clip(index + 1)  # what was painted before does not matter
    assert digest(first.clip(index)) == digest(second.clip(index))
    assert first.clip(index).labels == second.clip(index).labels


def test_another_process_paints_the_same(repo_root):
    code = (
        "import hashlib; from projects.emojivis.emojivis import *; clip = EmojiWorld('val', seed=3).clip(7);"
        "print(hashlib.sha256(clip.frames.tobytes() + clip.owners.tobytes()).hexdigest())"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=repo_root)
    assert result.stdout.strip() == digest(EmojiWorld("val", seed=3).clip(7))


def test_splits_and_seeds_and_numbers_differ():
    clips = [
        EmojiWorld(split, seed=seed, options=SMALL).clip(number)
        for split in SPLITS
        for seed in (0, 1)
        for number in (0, 1)
    ]
    assert len({digest(clip) for clip in clips}) == len(clips)


@few
@given(splits, numbers)
def test_masks_are_disjoint_and_large_enough(split, index):
    clip = EmojiWorld(split, options=SMALL).clip(index)
    for t in range(len(clip.frames)):
        masks = clip.masks(t)
        total = np.zeros(clip.owners.shape[1:], int)
        for track, mask in masks.items():
            bitmap = mask_api.decode(mask)
            np.testing.assert_array_equal(bitmap, clip.owners[t] == track + 1)
            assert bitmap.sum() >= LEAST_PIXELS
            total += bitmap
        assert total.max(initial=0) <= 1
        absent = set(range(len(clip.labels))) - set(masks)
        assert all((clip.owners[t] == track + 1).sum() < LEAST_PIXELS for track in absent)


@few
@given(numbers)
def test_novel_categories_are_never_in_training(index):
    novel = {label for label, c in enumerate(emoji_vocabulary().categories) if c.split == "novel"}
    assert not novel & set(EmojiWorld("train", options=SMALL).clip(index).labels)


def test_a_round_of_validation_clips_shows_every_category():
    world = EmojiWorld("val")
    first = [world._dealt(index)[0] for index in range(400)]
    assert sorted(first) == list(range(400))
    shown = {label for index in range(100) for label in world._dealt(index)[:5]}
    assert len(shown) == 400, "100 clips of 5 objects show each category"
    assert all(len(set(world._dealt(index))) == 7 for index in range(400))


def test_training_and_test_backgrounds_are_of_different_families():
    assert set(TRAIN_FAMILIES) | set(TEST_FAMILIES) == set(FAMILIES)
    assert not set(TRAIN_FAMILIES) & set(TEST_FAMILIES)
    assert SPLITS["train"].families == TRAIN_FAMILIES
    assert SPLITS["val"].families == SPLITS["test"].families == TEST_FAMILIES
    assert SPLITS["test"].style != SPLITS["train"].style


def still(place, size):
    return Motion(centre=place, drift=(0, 0), sway=(0, 0), rate=0, phase=(0, 0), size=size, swell=0, angle=0, turn=0)


def actor(track, label, place, size=96.0):
    return Actor(track, label, still(place, size), flip=False, gain=(1.0, 1.0, 1.0), look=5)


def painted(*actors, size=(128, 160)):
    options = SceneOptions(size=size, length=1)
    labels = tuple(a.label for a in actors if a.track is not None)
    scene = Scene((Shot(0, 1, actors, look=0, pan=(0.0, 0.0)),), labels, blur=0.0, noise=0.0)
    grey = lambda rng, height, width: np.full((height, width, 3), 128, np.uint8)  # noqa: E731
    frames, owners = paint_scene(scene, load_sprites("noto"), grey, options, seed=0)
    return frames[0], owners[0]


def test_a_mask_is_where_the_sprite_is_more_than_half_opaque():
    label = emoji_vocabulary().names.index("pizza")
    frame, owners = painted(actor(0, label, (80.0, 64.0)))
    sprite = load_sprites("noto")[label]
    expected = np.zeros((128, 160), bool)
    expected[16:112, 32:128] = sprite[..., 3] > 127
    np.testing.assert_array_equal(owners == 1, expected)
    opaque = sprite[..., 3] == 255
    np.testing.assert_array_equal(frame[16:112, 32:128][opaque], sprite[opaque][:, :3])
    clear = np.ones((128, 160), bool)
    clear[16:112, 32:128] = sprite[..., 3] == 0
    assert (frame[clear] == 128).all()


def test_who_is_in_front_takes_the_pixels():
    back, front = actor(0, 40, (70.0, 64.0)), actor(1, 80, (90.0, 64.0))
    _, alone = painted(front)
    _, both = painted(back, front)
    np.testing.assert_array_equal(both == 2, alone == 2)
    _, hidden = painted(back)
    np.testing.assert_array_equal(both == 1, (hidden == 1) & (alone == 0))


def test_a_distractor_hides_but_is_nobody():
    back = actor(0, 40, (80.0, 64.0))
    _, alone = painted(back)
    frame, both = painted(back, actor(None, None, (80.0, 64.0), size=60.0))
    assert 0 < (both == 1).sum() < (alone == 1).sum()
    assert set(np.unique(both)) == {0, 1}
    assert (frame != painted(back)[0]).any()


def test_an_actor_may_be_partly_or_wholly_outside():
    _, inside = painted(actor(0, 40, (80.0, 64.0)))
    _, partly = painted(actor(0, 40, (0.0, 64.0)))
    np.testing.assert_array_equal(partly[:, :80], inside[:, 80:])
    _, outside = painted(actor(0, 40, (-200.0, 64.0)))
    assert not outside.any()


def test_a_cut_changes_the_background_and_keeps_the_tracks():
    options = SceneOptions(size=(96, 128), length=8, objects=(3, 3), cut_prob=1.0, noise_prob=0.0)
    scene = write_scene(np.random.default_rng(4), [5, 6, 7], options)
    assert len(scene.shots) == 2
    assert scene.shots[0].end == scene.shots[1].start
    assert scene.shots[0].look != scene.shots[1].look
    assert {a.label for a in scene.shots[1].actors if a.track is not None} <= {5, 6, 7}


def test_objects_leave_and_come_back():
    world = EmojiWorld("val")
    returns = 0
    for index in range(12):
        clip = world.clip(index)
        seen = np.stack([[k in clip.masks(t) for t in range(12)] for k in range(len(clip.labels))])
        edges = np.diff(seen.astype(int), axis=1)
        returns += sum(1 for row in edges if -1 in row and 1 in row[list(row).index(-1) :])
    assert returns > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_backgrounds_vary(family):
    first, second = (paint(family, np.random.default_rng(seed), 60, 90) for seed in (1, 2))
    assert first.shape == (60, 90, 3)
    assert first.dtype == np.uint8
    assert first.std() > 1
    assert (first != second).any()


def test_photos_as_backgrounds(tmp_path):
    Image.new("RGB", (40, 30), (10, 200, 30)).save(tmp_path / "a.png")
    world = EmojiWorld("train", options=SMALL, backgrounds=tmp_path)
    corners = np.stack([world.clip(index).frames[:, 0, 0] for index in range(20)])
    green = (np.abs(corners.astype(int) - (10, 200, 30)).max(axis=-1) < 30).any(axis=1)
    assert 2 < green.sum() < 18  # about half of them
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"background .*a.png cannot be read"):
        [world.clip(index) for index in range(20)]


def test_mistakes_are_named(tmp_path):
    with pytest.raises(InputError, match="no split 'dev' of EmojiVIS; there are train, val, test"):
        EmojiWorld("dev")
    with pytest.raises(InputError, match=r"folder of backgrounds .* does not exist"):
        EmojiWorld("val", backgrounds=tmp_path / "none")
    with pytest.raises(InputError, match="has no picture"):
        EmojiWorld("val", backgrounds=tmp_path)
