"""What the network says about a clip, frame by frame, for the pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from clipvis_core.inference import CLIPVISInferencer
from clipvis_core.media.palette import track_color
from clipvis_core.tracking import VideoTracks
from clipvis_core.tracking.outputs import FrameOutputs


@dataclass(frozen=True)
class Recording:
    """A clip of T frames with the outputs for it; Q queries, K words.

    Attributes:
        words: The K words.
        images: uint8 `(T, H, W, 3)`.
        outputs: Those of each frame, of one frame each.
        permutations: int `(T, Q)`; the network's query of each track in each frame.
        so_far: For each frame the shown score of each track by then, by track; absent tracks are left out.
        tracks: The published result.
        drawn: Tracks that are shown, as queries of `permutations`, best first.
        cells: (H, W) of the masks without padding.
    """

    words: list[str]
    images: np.ndarray
    outputs: list[FrameOutputs]
    permutations: np.ndarray
    so_far: list[dict[int, float]]
    tracks: VideoTracks
    drawn: list[int]
    cells: tuple[int, int]

    def query(self, t: int, track: int) -> int:
        """The network's query of a track in frame `t`."""
        return int(self.permutations[t, track])

    def order(self, t: int) -> torch.Tensor:
        """The network's queries of frame `t` in the order of the tracks, int64 `(Q,)`."""
        return torch.from_numpy(self.permutations[t].astype(np.int64))

    def mask(self, t: int, track: int) -> np.ndarray:
        """A track's mask in frame `t`, bool `(H, W)` of the frames."""
        height, width = self.cells
        logits = self.outputs[t].mask_logits[0, self.query(t, track), :height, :width].numpy()
        picture = Image.fromarray(logits.astype(np.float32)).resize(
            self.images.shape[2:0:-1], Image.Resampling.BILINEAR
        )
        return np.asarray(picture) > 0

    def painted(self, t: int, tracks: list[int]) -> Image.Image:
        """Frame `t` with the masks of some tracks."""
        image = self.images[t].astype(np.float32)
        for track in tracks:
            inside = self.mask(t, track)
            image[inside] = 0.35 * image[inside] + 0.65 * np.array(track_color(track + 1))
        return Image.fromarray(image.round().astype(np.uint8))

    def thumbnail(self, t: int, tracks: list[int], width: int) -> np.ndarray:
        """Frame `t` with the masks of some tracks, RGB uint8, so many pixels wide."""
        image = self.painted(t, tracks)
        return np.asarray(image.resize((width, round(width * image.height / image.width)), Image.Resampling.BOX))

    def close_up(self, t: int, track: int, width: int) -> np.ndarray:
        """The part of frame `t` around the largest piece of a track's mask, as a thumbnail of that width."""
        image = self.painted(t, [track])
        pieces, _ = ndimage.label(self.mask(t, track))
        rows, columns = np.nonzero(pieces == np.bincount(pieces.flat)[1:].argmax() + 1)
        ratio = image.width / image.height
        wide = min(image.width, max(160, 1.8 * np.ptp(columns), 1.8 * ratio * np.ptp(rows)))
        left = np.clip((columns.min() + columns.max() - wide) / 2, 0, image.width - wide)
        top = np.clip((rows.min() + rows.max() - wide / ratio) / 2, 0, image.height - wide / ratio)
        size = width, round(width / ratio)
        box = (left, top, left + wide, top + wide / ratio)
        return np.asarray(image.resize(size, Image.Resampling.BICUBIC, box=box))


def record(video: str, words: list[str]) -> Recording:
    """Runs photo-mini on a clip and keeps all outputs."""
    inferencer = CLIPVISInferencer("photo-mini", vocabulary=words, device="cpu")
    outputs: list[FrameOutputs] = []
    network = inferencer.model.outputs

    def remembered(images: torch.Tensor) -> FrameOutputs:
        outputs.append(network(images))
        return outputs[-1]

    inferencer.model.outputs = remembered
    tracker_of = inferencer.model.tracker
    trackers = []
    inferencer.model.tracker = lambda *args, **options: trackers.append(tracker_of(*args, **options)) or trackers[-1]
    stream = inferencer.stream(video)
    images, so_far = [], []
    for image, frame in stream:
        images.append(image)
        so_far.append(
            {track - 1: score for track, score in zip(frame.ids.tolist(), frame.scores.tolist(), strict=True)}
        )
    result = stream.result()
    drawn = result.drawn(inferencer.score_thr)
    return Recording(
        words=words,
        images=np.stack(images),
        outputs=outputs,
        permutations=trackers[0].permutations,
        so_far=so_far,
        tracks=result.tracks,
        drawn=result.tracks.queries[drawn.indices].tolist(),
        cells=tuple(side // 4 for side in trackers[0].sizes.image),
    )


def hex_color(track: int) -> str:
    """The colour in which a track is drawn."""
    return "#{:02x}{:02x}{:02x}".format(*track_color(track + 1))
