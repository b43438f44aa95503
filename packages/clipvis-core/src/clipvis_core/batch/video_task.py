"""One input on its way to its output folder: opened, segmented, written. A single run and a batch both do this."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipvis_core.batch.answer_files import PICTURE, REPORT, draw_result, write_end, write_lists
from clipvis_core.foundation.errors import InputError
from clipvis_core.inference.asking import FEATURES, MOST_FEATURE_BYTES
from clipvis_core.inference.index_masks import check_replaceable, write_index_masks
from clipvis_core.inference.output_folder import RESULTS, WORDS, OutputFolder
from clipvis_core.inference.result import DrawnTracks, SegmentationResult
from clipvis_core.inference.stream_writer import LINES, OVERLAY, SHEET, write_stream
from clipvis_core.media import WHOLE, Cut, open_frames
from clipvis_core.tracking import LiveRule

if TYPE_CHECKING:
    from clipvis_core.inference.inferencer import CLIPVISInferencer

MASKS = "masks"


@dataclass(frozen=True)
class OutputOptions:
    """What is taken of an input and what is written of it.

    Attributes:
        cut: The part of it.
        allow_truncated: Take a broken video for what could be decoded.
        score_thr: Least score that is drawn; None for the model's.
        all_tracks: Draw also duplicates, parts of a thing and tracks that flicker.
        draw: Write an overlay.
        report: Write a page, where the frames can be read again.
        masks: Write pictures of track numbers.
        features: Write what asking for other words needs.
        most_feature_bytes: Size from which on it is left out; None for any.
        stream: Write each frame's tracks as they come.
        live: When tracks start and end in these.
        live_only: Keep nothing of past frames, and write no results.

    Raises:
        InputError: Two of them exclude each other.
    """

    cut: Cut = WHOLE
    allow_truncated: bool = False
    score_thr: float | None = None
    all_tracks: bool = False
    draw: bool = True
    report: bool = True
    masks: bool = False
    features: bool = False
    most_feature_bytes: int | None = MOST_FEATURE_BYTES
    stream: bool = False
    live: LiveRule | None = None
    live_only: bool = False

    def __post_init__(self) -> None:
        if self.masks and self.live_only:
            raise InputError("--masks draws what is in results.json, which --live-only does not write")


class VideoTask:
    """An opened input.

    Args:
        video: What `open_frames` takes.
        options: What is taken and written of it.

    Attributes:
        source: Its frames, or the part of them that is taken.
        path: What identifies the input; None for one that comes once.
        streaming: Whether each frame's tracks are written as they come.
        is_image: Whether it is a single image.

    Raises:
        InputError: It cannot be read.
    """

    def __init__(self, video: str, options: OutputOptions) -> None:
        source = open_frames(video, allow_truncated=options.allow_truncated)
        self.options = options
        self.path = None if source.live else str(Path(video).resolve())
        self.streaming = options.stream or options.live is not None or source.live
        self.is_image = source.num_frames == 1 and not self.streaming
        self.source = options.cut.of(source)
        self._video = video

    @property
    def names(self) -> list[str]:
        """Names of the files that are going to be written."""
        options = self.options
        wanted = {
            WORDS: True,
            RESULTS: not options.live_only,
            MASKS: options.masks,
            FEATURES: self._keeps_features,
            LINES: self.streaming,
            OVERLAY: not self.is_image and options.draw,
            SHEET: not self.is_image and options.draw,
            PICTURE: self.is_image and options.draw,
            REPORT: self._has_report,
        }
        return [name for name, is_wanted in wanted.items() if is_wanted]

    def folder(
        self,
        path: Path,
        *,
        reads: Iterable[str] = (),
        extra: Iterable[str] = (),
        ready: Callable[[], None] | None = None,
    ) -> OutputFolder:
        """The folder for the answer, to be entered.

        Args:
            path: The folder.
            reads: Files that are read besides the input.
            extra: Files that the caller is going to write.
            ready: See `OutputFolder`.

        Raises:
            InputError: There is something else in the place of the masks.
        """
        if self.options.masks:
            check_replaceable(path / MASKS)
        names = [*self.names, *extra]
        return OutputFolder(path, names, reads=[self._video, *reads], video=self.path, ready=ready)

    def score_thr(self, inferencer: CLIPVISInferencer) -> float:
        """Least score that is drawn."""
        return inferencer.score_thr if self.options.score_thr is None else self.options.score_thr

    def segment(
        self, inferencer: CLIPVISInferencer, folder: OutputFolder, stopped: threading.Event, *, progress: bool = True
    ) -> SegmentationResult:
        """The result of the whole input, or of the frames before `stopped` was set; the folder gets its features.

        Raises:
            InputError: It breaks off.
        """
        with self.kept_features(folder) as kept:
            if not inferencer.takes_videos:
                return inferencer(self.source, keep_features=kept.get("keep_features", False))
            stream = inferencer.stream(self.source, progress=progress, **kept)
            for _ in stream:
                if stopped.is_set():
                    break
            stream.close()
            return stream.result()

    def segment_live(
        self, inferencer: CLIPVISInferencer, folder: OutputFolder, stopped: threading.Event
    ) -> SegmentationResult:
        """Writes each frame's tracks as they come; the result of them, without tracks if nothing is kept."""
        options = self.options
        live = {"live": options.live, "keep": not options.live_only}
        shown = {"score_thr": self.score_thr(inferencer), "all_tracks": options.all_tracks}
        with self.kept_features(folder) as kept:
            stream = inferencer.stream(self.source, progress=True, **live, **kept)
            folder.written += write_stream(stream, folder.path, draw=options.draw, stopped=stopped, **shown)
            return stream.seen() if options.live_only else stream.result()

    @property
    def _has_report(self) -> bool:
        options = self.options
        return options.draw and options.report and not options.live_only and not self.source.live

    @property
    def _keeps_features(self) -> bool:
        return self.options.features and not self.options.live_only

    @contextmanager
    def kept_features(self, folder: OutputFolder) -> Iterator[dict[str, Any]]:
        """What to tell `CLIPVISInferencer.stream` so that the folder gets its features."""
        if not self._keeps_features:
            yield {}
            folder.remove(FEATURES)
            return
        with folder.spare_file(FEATURES) as file:
            yield {"keep_features": file, "most_feature_bytes": self.options.most_feature_bytes}

    def write(
        self,
        result: SegmentationResult,
        folder: OutputFolder,
        *,
        score_thr: float,
        complete: bool = True,
        cut: threading.Event | None = None,
        progress: bool = True,
    ) -> DrawnTracks:
        """Writes a result: its words, all tracks, pictures of those that are drawn, and last what it is of.

        Args:
            result: The result of `segment` or `segment_live`.
            folder: Where it goes.
            score_thr: Least score that is drawn.
            complete: Whether it is of all frames that were asked for.
            cut: Once it is set, pictures end with the frame at hand.
            progress: Show progress bars.

        Returns:
            The tracks that are drawn.

        Raises:
            InputError: A file cannot be written.
        """
        complete = complete and not self.source.truncated  # which drawing, that reads the source again, changes
        drawn = result.drawn(score_thr, all_tracks=self.options.all_tracks)
        write_lists(result, folder, tracks=not self.options.live_only)
        if self.options.masks:
            write_index_masks(drawn, folder.path / MASKS, progress=progress, stopped=cut)
            folder.written.append(MASKS)
        if self.options.draw and not self.streaming:
            draw_result(drawn, self.source, folder, is_image=self.is_image, progress=progress, stopped=cut)
        complete = complete and not (cut is not None and cut.is_set())
        source = self.source if self._has_report else None
        shown = {"score_thr": score_thr, "all_tracks": self.options.all_tracks}
        write_end(result, source, folder, complete=complete, **shown)
        return drawn
