"""The EmojiVIS clips: which there are, by split and number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from pycocotools import mask as mask_api

from clipvis_core.foundation.errors import InputError

from .backgrounds import TEST_FAMILIES, TRAIN_FAMILIES, Photos, paint
from .painting import paint_scene
from .scenes import SceneOptions, write_scene
from .sprites import Style, load_sprites
from .vocabulary import emoji_vocabulary

SplitName = Literal["train", "val", "test"]

GOLDEN_RATIO = 0.5 * (1 + 5**0.5)

LEAST_PIXELS = 32
"""An object of which fewer pixels are seen in a frame counts as absent from it."""


@dataclass(frozen=True)
class Split:
    """What tells one split from the others, besides its seeds.

    Attributes:
        code: Number that goes into the seeds.
        style: Drawing style of the emoji.
        families: Families of procedural backgrounds.
        novel: Whether objects of novel categories occur.
    """

    code: int
    style: Style
    families: tuple[str, ...]
    novel: bool


SPLITS: dict[str, Split] = {
    "train": Split(0, "noto", TRAIN_FAMILIES, novel=False),
    "val": Split(1, "noto", TEST_FAMILIES, novel=True),
    "test": Split(2, "fluent", TEST_FAMILIES, novel=True),
}


@dataclass(frozen=True)
class Clip:
    """A painted clip.

    Attributes:
        frames: (T, H, W, 3) uint8 RGB.
        owners: (T, H, W) uint8: 0, or number of the track seen there + 1.
        labels: Category of each track.
    """

    frames: np.ndarray
    owners: np.ndarray
    labels: tuple[int, ...]

    def masks(self, t: int) -> dict[int, dict]:
        """The visible regions of one frame.

        Returns:
            By track number, the RLE (size, counts as text) of each track of which at least `LEAST_PIXELS` pixels
            are seen.
        """
        seen = np.bincount(self.owners[t].ravel(), minlength=len(self.labels) + 1)
        present = [k for k in range(len(self.labels)) if seen[k + 1] >= LEAST_PIXELS]
        if not present:
            return {}
        ids = np.array(present, np.uint8) + 1
        stacked = np.asfortranarray(self.owners[t][..., None] == ids).astype(np.uint8, order="F")
        return dict(zip(present, mask_api.encode(stacked), strict=True))


class EmojiWorld:
    """All clips of one split; clip n is the same on every machine and in every process.

    Categories are dealt from shuffled decks that hold each category once: a long run of clips shows all of them
    about equally often, and the first objects of consecutive clips differ.

    Args:
        split: "train", "val" or "test".
        seed: Seed of the world; another one is another dataset.
        options: How crowded and restless the clips are.
        style: Drawing style; None takes the split's.
        novel: Whether novel categories occur; None takes the split's rule. Training on masks of novel categories
            would defeat the benchmark: only image-caption pairs show them.
        backgrounds: Folder of photos; half of the backgrounds are parts of them, the others procedural.

    Raises:
        InputError: No such split or style, or no photos in the folder.
    """

    def __init__(
        self,
        split: SplitName,
        *,
        seed: int = 0,
        options: SceneOptions | None = None,
        style: Style | None = None,
        novel: bool | None = None,
        backgrounds: str | Path | None = None,
    ) -> None:
        if split not in SPLITS:
            raise InputError(f"no split {split!r} of EmojiVIS; there are {', '.join(SPLITS)}")
        self.rules = SPLITS[split]
        self.seed = seed
        self.options = options or SceneOptions()
        self.style: Style = style or self.rules.style
        load_sprites(self.style)  # a wrong style is an error now, not in a worker process
        self.photos = Photos(backgrounds) if backgrounds else None
        with_novel = self.rules.novel if novel is None else novel
        categories = emoji_vocabulary().categories
        self.categories = tuple(label for label, c in enumerate(categories) if with_novel or c.split == "base")

    def clip(self, index: int) -> Clip:
        """Paints one clip.

        Args:
            index: Its number, from 0.
        """
        rng = np.random.default_rng([self.seed, self.rules.code, index])
        scene = write_scene(rng, self._dealt(index), self.options)
        frames, owners = paint_scene(
            scene, load_sprites(self.style), self._stage, self.options, int(rng.integers(2**32))
        )
        return Clip(frames, owners, scene.labels)

    def _dealt(self, index: int) -> list[int]:
        """Categories for the most objects a clip may have.

        Object k of clip n is card n + k * size / golden ratio of a shuffled deck, which is a new one after a whole
        round: the objects of a clip are far apart in it, however many they are.
        """
        number, size = self.options.objects[1], len(self.categories)
        deck = _deck(self.seed, self.rules.code, index // size, size)
        cards = [(index + round(k * size / GOLDEN_RATIO)) % size for k in range(number)]
        return [self.categories[deck[card]] for card in cards]

    def _stage(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        if self.photos is not None and rng.random() < 0.5:
            return self.photos.crop(rng, height, width)
        family = self.rules.families[int(rng.integers(len(self.rules.families)))]
        return paint(family, rng, height, width)


@lru_cache(maxsize=16)
def _deck(seed: int, code: int, number: int, size: int) -> tuple[int, ...]:
    """A shuffled deck of `size` cards; the fourth word of its seed keeps it apart from the clips'."""
    rng = np.random.default_rng([seed, code, number, size])
    return tuple(rng.permutation(size).tolist())
