"""Emoji over a real video: a picture for a demonstration, with its ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from clipvis_core.foundation.errors import InputError

from .painting import paint_over
from .scenes import SceneOptions, write_scene
from .sprites import Style, load_sprites
from .vocabulary import emoji_vocabulary
from .world import Clip

MOST = 32
"""Objects over one video: beyond this they hide one another."""


def emoji_over(frames: np.ndarray, names: Sequence[str], *, seed: int = 0, style: Style = "noto") -> Clip:
    """Lets emoji move over the frames of a video, as they move in EmojiVIS.

    Args:
        frames: (T, H, W, 3) uint8 RGB; they are not changed.
        names: Categories of EmojiVIS, one an object.
        seed: Decides places, sizes and courses.
        style: Drawing style.

    Returns:
        The clip. Sizes and speeds grow with the height of the frame.

    Raises:
        InputError: A name is not in the vocabulary (the message has names like it), there are none or too many.
    """
    labels = [_label(name) for name in names]
    if not 1 <= len(labels) <= MOST:
        raise InputError(f"{len(labels)} emoji are too few or too many; give 1 to {MOST}")
    usual = SceneOptions()
    scale = frames.shape[1] / usual.size[0]
    options = replace(
        usual,
        size=frames.shape[1:3],
        length=len(frames),
        objects=(len(labels), len(labels)),
        sprite_size=tuple(round(scale * side) for side in usual.sprite_size),
        distractors=(0, 0),
        twin_prob=0.0,
        cut_prob=0.0,
    )
    scene = write_scene(np.random.default_rng(seed), labels, options)
    painted = frames.copy()
    owners = paint_over(painted, scene, load_sprites(style))
    return Clip(painted, owners, scene.labels)


def _label(name: str) -> int:
    vocabulary = emoji_vocabulary()
    names = [category.name for category in vocabulary.categories]
    if name in names:
        return names.index(name)
    words = name.split()
    like = [known for known in names if any(word in known for word in words)][:5]
    hint = f"there are {', '.join(like)}" if like else "emojivis.json lists what there is"
    raise InputError(f"no emoji '{name}' in EmojiVIS; {hint}")
