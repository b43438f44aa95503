"""The categories and sprites of EmojiVIS."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from PIL import Image

from clipvis_core.foundation.errors import InputError
from projects.emojivis.emojivis import EMOJI_LIST, emoji_vocabulary
from projects.emojivis.emojivis.sprites import CELL, load_sprites

SPRITES = EMOJI_LIST.with_name("sprites")
STYLES = ("noto", "fluent")


@pytest.fixture(scope="module")
def records():
    return json.loads(EMOJI_LIST.read_text(encoding="utf-8"))["categories"]


def test_names_are_plain_and_distinct(records):
    names = [record["name"] for record in records]
    assert len(set(names)) == len(names) == 400
    assert all(name == name.lower().strip() and "_" not in name for name in names)
    assert len({record["emoji"] for record in records}) == 400


def test_every_group_has_a_fifth_of_novel_categories(records):
    for group, members in itertools.groupby(records, key=lambda record: record["group"]):
        novel = [record["split"] == "novel" for record in members]
        assert sum(novel) == round(len(novel) / 5), group


def test_the_vocabulary_has_the_groups_that_are_evaluated(records):
    vocabulary = emoji_vocabulary()
    assert len(vocabulary.group("base")) == 321
    assert len(vocabulary.group("novel")) == 79
    assert vocabulary.names == tuple(record["name"] for record in records)
    assert vocabulary.name == "emojivis"


@pytest.mark.parametrize("style", STYLES)
def test_sprites_fill_their_cells(style):
    sprites = load_sprites(style)
    assert sprites.shape == (400, CELL, CELL, 4)
    solid = sprites[..., 3] > 127
    assert solid.mean(axis=(1, 2)).min() > 0.2
    sides = np.maximum(solid.any(axis=1).sum(axis=1), solid.any(axis=2).sum(axis=1))
    assert sides.min() >= CELL - 8
    assert (sprites[..., :3] <= sprites[..., 3:]).all(), "colours are multiplied by alpha"


def test_an_atlas_cell_is_the_sprite_of_its_category():
    label = emoji_vocabulary().names.index("shark")
    with (SPRITES / "noto.webp").open("rb") as file:
        atlas = Image.open(file).convert("RGBA")
    x, y = label % 20 * CELL, label // 20 * CELL
    cell = np.array(atlas.crop((x, y, x + CELL, y + CELL)))
    np.testing.assert_array_equal(cell[..., 3], load_sprites("noto")[label][..., 3])


def test_the_package_carries_the_pictures_and_their_licences():
    size = sum((SPRITES / f"{style}.webp").stat().st_size for style in STYLES)
    assert size < 6_000_000
    assert "SIL OPEN FONT LICENSE Version 1.1" in (SPRITES / "NOTO-LICENSE.txt").read_text()
    assert "MIT License" in (SPRITES / "FLUENT-LICENSE.txt").read_text()


def test_there_is_no_third_style():
    with pytest.raises(InputError, match="no emoji style 'apple'; there are noto, fluent"):
        load_sprites("apple")
