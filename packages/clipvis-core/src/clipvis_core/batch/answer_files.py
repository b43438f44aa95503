"""The files of an answer, whoever asked: words and tracks, pictures, the page, and last what it is of."""

from __future__ import annotations

import sys
import threading

from clipvis_core.inference.output_folder import RESULTS, WORDS, OutputFolder
from clipvis_core.inference.overlay import overlay_frames, write_overlay
from clipvis_core.inference.result import DrawnTracks, SegmentationResult
from clipvis_core.inference.stream_writer import OVERLAY, SHEET, write_picture
from clipvis_core.media import ContactSheet, FrameSource
from clipvis_core.report import MOST_FRAMES, report_chunks

PICTURE, REPORT = "overlay.png", "report.html"


def write_lists(result: SegmentationResult, folder: OutputFolder, *, tracks: bool = True) -> None:
    """Writes the words and, if they are wanted, all tracks."""
    with folder.file(WORDS) as file:
        file.write(result.vocabulary.to_json().encode("utf-8"))
    if tracks:
        with folder.file(RESULTS) as file:
            result.write_json(file)


def draw_result(
    drawn: DrawnTracks,
    source: FrameSource,
    folder: OutputFolder,
    *,
    is_image: bool,
    progress: bool = True,
    stopped: threading.Event | None = None,
) -> None:
    """Writes the overlay and its contact sheet or, for an image, a picture."""
    if is_image:
        write_picture(next(overlay_frames(drawn, source)), folder.path / PICTURE)
        folder.written.append(PICTURE)
        return
    sheet = ContactSheet()
    write_overlay(drawn, source, folder.path / OVERLAY, sheet=sheet, progress=progress, stopped=stopped)
    write_picture(sheet.image(), folder.path / SHEET)
    folder.written += [OVERLAY, SHEET]


def write_end(
    result: SegmentationResult,
    source: FrameSource | None,
    folder: OutputFolder,
    *,
    score_thr: float,
    all_tracks: bool,
    complete: bool,
) -> None:
    """Writes what comes last: the page, and `video.json`.

    Args:
        result: The answer.
        source: The frames for the page; None for no page. A video that is too long for one has none.
        folder: Where it goes.
        score_thr: Least score that is drawn.
        all_tracks: Draw also duplicates, parts of a thing and tracks that flicker.
        complete: Whether these are all frames, and all were drawn.

    Raises:
        InputError: A file cannot be written.
    """
    if source is not None and result.num_frames > MOST_FRAMES:
        print(f"no {REPORT}: {result.num_frames} frames are more than {MOST_FRAMES}, its limit", file=sys.stderr)
        source = None
    if source is None:
        folder.remove(REPORT)
    else:
        with folder.file(REPORT) as file:
            chunks = report_chunks(result, source, score_thr=score_thr, all_tracks=all_tracks, complete=complete)
            file.writelines(chunks)
    folder.describe(result, score_thr=score_thr, complete=complete)
