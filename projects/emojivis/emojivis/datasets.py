"""EmojiVIS painted on the fly, as mmdet datasets: clips, single images, image-caption pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmdet.registry import DATASETS
from mmengine.dataset import BaseDataset

from clipvis_core.foundation.masks import mask_bounds
from clipvis_data.datasets.base import CategoryDataset

from .captions import write_caption
from .scenes import SceneOptions
from .vocabulary import emoji_vocabulary
from .world import Clip, EmojiWorld, SplitName


class EmojiDataset(CategoryDataset, BaseDataset):
    """What the three forms share: a world, of which record n is painted when it is asked for.

    Args:
        split: "train", "val" or "test".
        length: Number of records; as many as training wants, they cost nothing until they are read.
        seed: Seed of the world.
        scene: Fields of `SceneOptions` that differ from its defaults.
        world: Further arguments of `EmojiWorld`: `style`, `novel`, `backgrounds`.
        prompt_options: Arguments of `CategoryList.prompts`, for the `prompts` in `metainfo`.
        kwargs: See mmengine's `BaseDataset`.

    Raises:
        InputError: No such split or style, or no photos in the folder of backgrounds.
    """

    def __init__(
        self,
        *,
        split: SplitName,
        length: int,
        seed: int = 0,
        scene: Mapping[str, Any] | None = None,
        world: Mapping[str, Any] | None = None,
        prompt_options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        options = {key: tuple(v) if isinstance(v, list) else v for key, v in (scene or {}).items()}
        self.length = length
        self.world = EmojiWorld(split, seed=seed, options=SceneOptions(**options), **(world or {}))
        self.set_categories(emoji_vocabulary(), prompt_options)
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        """Numbers of the records; there is nothing to read."""
        return [{"number": number} for number in range(self.length)]

    def get_data_info(self, idx: int) -> dict:
        """Paints a record, in the form mmdet's transforms expect."""
        return self.record(super().get_data_info(idx)["number"])

    def record(self, number: int) -> dict:
        """The record of a number."""
        raise NotImplementedError


@DATASETS.register_module()
class EmojiVideoDataset(EmojiDataset):
    """Clips with instance tracks, as `VideoInstanceDataset` has them, with the frames in the records.

    A pipeline leaves out `LoadRGBImage`; the rest is as for videos on disk. Evaluation needs a json: write the
    split with `tools/prepare_emojivis.py` for that.

    Args:
        kwargs: See `EmojiDataset`.
    """

    def record(self, number: int) -> dict:
        clip = self.world.clip(number)
        images = [
            frame_record(clip, t)
            | {
                "img_id": t,
                "frame_id": t,
                "file_name": f"{number:05d}/{t:05d}.jpg",
                "img_path": f"emojivis/{number:05d}/{t:05d}.jpg",
            }
            for t in range(len(clip.frames))
        ]
        height, width = clip.frames.shape[1:3]
        return {"video_id": number + 1, "video_length": len(images), "height": height, "width": width, "images": images}


@DATASETS.register_module()
class EmojiImageDataset(EmojiDataset):
    """Single frames with instances, as `CocoInstanceDataset` has them, with the image in the record.

    A pipeline leaves out `LoadRGBImage`; the rest is as for images on disk.

    Args:
        scene: See `EmojiDataset`; `length` is 1.
        kwargs: See `EmojiDataset`.
    """

    def __init__(self, *, scene: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(scene={**(scene or {}), "length": 1}, **kwargs)

    def record(self, number: int) -> dict:
        clip = self.world.clip(number)
        return frame_record(clip, 0) | {"img_id": number + 1, "img_path": f"emojivis/{number:07d}.jpg"}


@DATASETS.register_module()
class EmojiCaptionDataset(EmojiImageDataset):
    """Images with a sentence that names what they show: novel categories, too, as CLIP has seen the world.

    A record is `inputs`, uint8 (3, H, W) RGB, and `captions`, a string. No mask leaves the dataset. Records in
    order have different first objects as long as the deck of categories lasts, so that in a batch of consecutive
    numbers hardly any caption fits two images: read them unshuffled (`EndlessSampler(shuffle=False)`).

    Args:
        least_share: An object that covers less of the image than this is not mentioned, unless all are so small.
        world: See `EmojiDataset`; `novel` is true.
        kwargs: See `EmojiDataset`.
    """

    def __init__(self, *, least_share: float = 0.02, world: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self.least_share = least_share
        super().__init__(world={**(world or {}), "novel": True}, **kwargs)

    def record(self, number: int) -> dict:
        clip = self.world.clip(number)
        seen = np.bincount(clip.owners[0].ravel(), minlength=len(clip.labels) + 1)[1:]
        shares = seen / clip.owners[0].size
        named = np.flatnonzero(shares >= min(self.least_share, shares.max()))
        rng = np.random.default_rng([self.world.seed, self.world.rules.code, number, len(named)])
        names = [self.vocabulary.names[clip.labels[track]] for track in named]
        image = torch.from_numpy(clip.frames[0].transpose(2, 0, 1).copy())
        return {"inputs": image, "captions": write_caption(rng, names, shares[named])}


def frame_record(clip: Clip, t: int) -> dict:
    """One frame with its instances in mmdet's form; `instance_id` counts tracks from 1."""
    size = clip.frames.shape[1:3]
    return {
        "img": clip.frames[t],
        "img_shape": size,
        "ori_shape": size,
        "height": size[0],
        "width": size[1],
        "instances": [
            {
                "bbox": mask_bounds(mask),
                "bbox_label": clip.labels[track],
                "ignore_flag": 0,
                "instance_id": track + 1,
                "mask": mask,
            }
            for track, mask in clip.masks(t).items()
        ],
    }
