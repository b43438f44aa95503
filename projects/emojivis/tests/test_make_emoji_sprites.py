"""The list of names is what the shipped category list was made from; mistakes in it are one line."""

from __future__ import annotations

import importlib
import io

import numpy as np
import pytest
from PIL import Image

from clipvis_core.foundation.errors import InputError
from projects.emojivis.emojivis import EMOJI_LIST
from projects.emojivis.emojivis.sprites import CELL, COLUMNS


@pytest.fixture
def tool():
    """The program, as a module."""
    return importlib.import_module("projects.emojivis.tools.make_emoji_sprites")


def test_the_shipped_list_is_made_from_the_names(tool, repo_root):
    entries = tool.read_names(repo_root / "projects/emojivis/tools/emoji_names.txt")
    made = tool.vocabulary(entries, tool.novel_names(entries))
    assert made == EMOJI_LIST.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a]\n🐶 dog\n🐺 dog\n", "named twice: dog"),
        ("🐶 dog\n", r"line 1: not '\[group\]' or '<emoji> <name>': '🐶 dog'"),
        ("[a]\n🐶\n", "line 2: not"),
    ],
)
def test_faulty_lists(tool, tmp_path, text, message):
    path = tmp_path / "names.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        tool.read_names(path)


def disc(colour, radius):
    y, x = np.mgrid[:CELL, :CELL] - CELL // 2
    picture = np.zeros((CELL, CELL, 4), np.uint8)
    picture[np.hypot(x, y) < radius] = (*colour, 255)
    return Image.fromarray(picture)


def test_thin_and_similar_pictures_are_refused(tool):
    entries = [tool.Entry("x", name, "shapes") for name in ("red", "crimson", "blue")]
    red, crimson, blue = disc((255, 0, 0), 40), disc((240, 10, 20), 40), disc((0, 0, 255), 40)
    with pytest.raises(InputError, match=r"too thin: \[\]; too much alike: \['red and crimson'\]"):
        tool.check_pictures("flat", entries, [red, crimson, blue])
    with pytest.raises(InputError, match=r"too thin: \['crimson'\]; too much alike: \[\]"):
        tool.check_pictures("flat", entries, [red, disc((0, 255, 0), 10), blue])
    tool.check_pictures("flat", entries, [red, disc((0, 255, 0), 40), blue])


def test_fitting_keeps_the_shape_and_fills_the_cell(tool):
    picture = Image.new("RGBA", (136, 136))
    picture.paste((9, 9, 9, 255), (20, 60, 80, 90))  # 60 x 30
    fitted = np.asarray(tool.fit(picture))[..., 3] > 127
    assert fitted.shape == (CELL, CELL)
    assert fitted.any(axis=0).all()
    assert fitted.any(axis=1).sum() == CELL // 2


def test_the_atlas_is_lossless_and_the_same_each_time(tool):
    cells = [disc((index, 255 - index, 30), 20 + index) for index in range(COLUMNS + 2)]
    content = tool.encode_atlas(cells)
    assert content == tool.encode_atlas(cells)
    with Image.open(io.BytesIO(content)) as atlas:
        assert atlas.size == (COLUMNS * CELL, 2 * CELL)
        second_row = np.asarray(atlas)[CELL:, CELL : 2 * CELL]
    expected = np.asarray(cells[COLUMNS + 1])
    np.testing.assert_array_equal(second_row[..., 3], expected[..., 3])
    opaque = expected[..., 3] > 0
    np.testing.assert_array_equal(second_row[opaque], expected[opaque])
