"""The categories and sprites of EmojiVIS."""

from __future__ import annotations

import itertools
import json
from importlib import resources

import numpy as np
import pytest
from PIL import Image

import clipvis_data
from clipvis_core.foundation.errors import InputError
from clipvis_data import load_vocabulary
from clipvis_data.emojivis.sprites import CELL, load_sprites

PACKAGE = resources.files(clipvis_data)
STYLES = ("noto", "fluent")


@pytest.fixture(scope="module")
def records():
    text = (PACKAGE / "vocabulary_lists/emojivis.json").read_text(encoding="utf-8")
    return json.loads(text)["categories"]


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
    vocabulary = load_vocabulary("emojivis")
    assert len(vocabulary.group("base")) == 321
    assert len(vocabulary.group("novel")) == 79
    assert vocabulary.names == tuple(record["name"] for record in records)


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
    label = load_vocabulary("emojivis").names.index("shark")
    with (PACKAGE / "emojivis/sprites/noto.webp").open("rb") as file:
        atlas = Image.open(file).convert("RGBA")
    x, y = label % 20 * CELL, label // 20 * CELL
    cell = np.array(atlas.crop((x, y, x + CELL, y + CELL)))
    np.testing.assert_array_equal(cell[..., 3], load_sprites("noto")[label][..., 3])


def test_the_package_carries_the_pictures_and_their_licences(repo_root):
    folder = PACKAGE / "emojivis/sprites"
    size = sum((folder / f"{style}.webp").stat().st_size for style in STYLES)
    assert size < 6_000_000
    assert "SIL OPEN FONT LICENSE Version 1.1" in (folder / "NOTO-LICENSE.txt").read_text()
    assert "MIT License" in (folder / "FLUENT-LICENSE.txt").read_text()
    text = (repo_root / "packages/clipvis-data/pyproject.toml").read_text()
    assert '"emojivis/sprites/*"' in text


def test_there_is_no_third_style():
    with pytest.raises(InputError, match="no emoji style 'apple'; there are noto, fluent"):
        load_sprites("apple")
