"""From the outputs of the queries to tracks: of each frame at once, of the video at its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from clipvis_core.foundation.calibration import Calibration
from clipvis_core.tracking.contrast_scores import ContrastScores
from clipvis_core.tracking.doubtful_probs import SpilledProbs
from clipvis_core.tracking.feature_file import FeatureWriter
from clipvis_core.tracking.live_tracks import LiveRule, LiveTracks
from clipvis_core.tracking.mask_archive import MaskRecorder
from clipvis_core.tracking.mask_rendering import MaskSizes
from clipvis_core.tracking.outputs import FrameOutputs
from clipvis_core.tracking.spill_file import FrameRows, SpillFile
from clipvis_core.tracking.temporal_matching import TemporalMatcher
from clipvis_core.tracking.track_scores import TrackScores, is_hidden
from clipvis_core.tracking.tracks import FrameTracks, VideoTracks


class Tracker:
    """Follows the queries through a video of any length in constant memory.

    Each frame's tracks are there at once, judged by the frames so far. `finish` gives the published result of the
    whole video: which pairs are best, in which frames each is hidden and the quality of its mask are known only
    then. Until then about 2 KB a frame stay in memory; masks (as run-length codes) and the class probabilities that
    the end may ask for are in temporary files.

    Args:
        sizes: Sizes the masks go through.
        num_memory: Frames remembered by the temporal matching.
        num_match: Memories combined by it.
        weighted: Whether mask IoU and objectness weigh the final scores; see `TrackScores`.
        topk: Most (query, category) pairs.
        live: When tracks start and end in the frames' results; by default each query is one track, from the first
            frame to the last. The final result is the same.
        keep: Whether `finish` will be called. Without, which needs `live`, nothing is kept of past frames: for streams
            without an end.
        temp_dir: Folder of the temporary files; by default where the system puts them (`TMPDIR`).
        calibration: How tracks are judged where the outputs have contrast words; see `ContrastScores`.
        features: Takes what asking for other words needs of each frame. They are in it when `finish` has been called.

    Example:
        tracker = Tracker(MaskSizes((480, 864), (480, 853), (720, 1280)))
        for images in windows:
            outputs = model.outputs(images)
            for frame in tracker.add(outputs):
                print(frame.frame, frame.ids, frame.scores)
        tracks = tracker.finish()
    """

    def __init__(
        self,
        sizes: MaskSizes,
        *,
        num_memory: int = 9,
        num_match: int = 5,
        weighted: bool = True,
        topk: int = 50,
        live: LiveRule | None = None,
        keep: bool = True,
        temp_dir: str | Path | None = None,
        calibration: Calibration | None = None,
        features: FeatureWriter | None = None,
    ) -> None:
        if live is None and not keep:
            raise ValueError("keep=False needs a live rule: without one, tracks count from the first frame")
        self.sizes = sizes
        self.topk = topk
        self.scores = TrackScores(SpilledProbs(SpillFile(temp_dir)), weighted=weighted)
        self._permutations = FrameRows("h")
        self._matcher = TemporalMatcher(num_memory, num_match)
        self._contrast = ContrastScores(calibration)
        self._live = LiveTracks(live, ContrastScores(calibration)) if live is not None else None
        self.keeps = keep
        self._features = features if keep else None
        self._recorder = MaskRecorder(sizes, SpillFile(temp_dir) if keep else None, self._features)
        self._num_frames = 0

    def __len__(self) -> int:
        """T, the number of frames so far."""
        return self._num_frames

    @property
    def permutations(self) -> np.ndarray:
        """The network's query of each track in each frame, int16 `(T, Q)`."""
        return self._permutations.table()

    @property
    def temporary_bytes(self) -> int:
        """Size of the temporary files."""
        return self._recorder.temporary_bytes + self.scores.temporary_bytes

    @torch.no_grad()
    def add(self, outputs: FrameOutputs) -> Iterator[FrameTracks]:
        """Yields what is known about each of the next frames.

        A frame is taken in when its tracks are asked for, so that the result of a video which is left early is that of
        the frames that were seen.

        Raises:
            InputError: The disk is full.
            ValueError: The masks are not of the size the tracker was made for.
        """
        size = tuple(outputs.mask_logits.shape[-2:])
        if size != self.sizes.cells:
            raise ValueError(f"masks of size {size} do not fit frames of padded size {self.sizes.padded}")
        with torch.autocast(outputs.embeddings.device.type, enabled=False):
            permutations = self._matcher.steps(outputs.embeddings)
        for t, permutation in enumerate(permutations):
            rows = outputs.rows(t, permutation)
            if self.keeps:
                self._permutations.append(permutation.cpu().numpy())
                self.scores.update(*rows)
            contrast_probs = None
            if outputs.contrast_probs is not None:
                contrast_probs = outputs.contrast_probs[t][permutation]
                if self.keeps:
                    self._contrast.update(contrast_probs, *rows)
            tracks = self._live.update(*rows, contrast_probs) if self._live is not None else self._leading(rows)
            filled = (rows[-1] > 0).cpu().numpy()
            kept = outputs.features(t, permutation) if self._features is not None else None
            codes = self._recorder.add(outputs.mask_logits[t], permutation, filled, tracks.queries.tolist(), kept)
            self._num_frames += 1
            yield tracks.masked(self._num_frames - 1, self.sizes.output, codes)

    def _leading(self, rows: tuple[Tensor, ...]) -> FrameTracks:
        """The queries of the best pairs so far, each under its best name."""
        class_probs, _, object_logits, _, _ = rows
        pairs = self.scores.top_pairs(self.topk)
        # Pairs come best first: a query's first one is its best name.
        queries, first = np.unique(pairs.queries.cpu().numpy(), return_index=True)
        queries = torch.from_numpy(queries).to(pairs.queries.device)
        labels, class_scores = pairs.labels[first], pairs.class_scores[first]
        return FrameTracks.best_first(
            ids=queries + 1,
            queries=queries,
            labels=labels,
            scores=class_scores * self.scores.mask_quality()[queries],
            hidden=is_hidden(class_probs[queries, labels], object_logits[queries], class_scores),
            contrast=self._contrast,
        )

    @torch.no_grad()
    def finish(self) -> VideoTracks:
        """The video's tracks: the published result over all its frames.

        Raises:
            ValueError: No frame was added, or the tracker was made with `keep=False`.
        """
        if not self.keeps:
            raise ValueError("nothing was kept of past frames: there is no result of the whole")
        top = self.scores.top(self.topk)
        archive = self._recorder.finish(top.queries.tolist())
        return VideoTracks.of(top, archive, self.sizes.output, self._contrast)
