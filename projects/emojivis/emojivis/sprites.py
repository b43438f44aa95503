"""The pictures of the EmojiVIS categories, in two drawing styles."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal, get_args

import numpy as np
from PIL import Image

from clipvis_core.foundation.errors import InputError

from .vocabulary import emoji_vocabulary

Style = Literal["noto", "fluent"]

CELL = 96  # pixels; side of a sprite
COLUMNS = 20  # of the atlas

_FOLDER = resources.files(__package__) / "sprites"


@cache
def load_sprites(style: Style) -> np.ndarray:
    """The sprites of all categories, in label order of `emoji_vocabulary()`.

    Args:
        style: "noto" (Noto Emoji, SIL OFL 1.1) or "fluent" (Fluent Emoji, MIT).

    Returns:
        (K, 96, 96, 4) uint8, RGB multiplied by alpha, read-only. Every process decodes it once.

    Raises:
        InputError: No such style.

    Example:
        >>> load_sprites("noto").shape
        (400, 96, 96, 4)
    """
    if style not in get_args(Style):
        raise InputError(f"no emoji style {style!r}; there are {', '.join(get_args(Style))}")
    with (_FOLDER / f"{style}.webp").open("rb") as file, Image.open(file) as picture:
        atlas = np.array(picture.convert("RGBA").convert("RGBa"))
    cells = atlas.reshape(-1, CELL, COLUMNS, CELL, 4).swapaxes(1, 2).reshape(-1, CELL, CELL, 4)
    sprites = np.ascontiguousarray(cells[: len(emoji_vocabulary())])
    sprites.setflags(write=False)
    return sprites
