"""A stream written frame by frame: a line of JSON and a drawn frame each."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from clipvis_core.foundation.whole_file import whole_file
from clipvis_core.inference.duplicates import distinct_records
from clipvis_core.inference.frame_stream import FrameStream
from clipvis_core.inference.overlay import draw_records
from clipvis_core.media import ContactSheet, VideoWriter
from clipvis_core.pipelining import Behind
from clipvis_core.tracking import FrameTracks

LINES, OVERLAY, SHEET = "frames.jsonl", "overlay.mp4", "contact_sheet.png"
FRAMES_BEHIND = 4  # frames that may wait to be written


def write_stream(
    stream: FrameStream,
    out_dir: Path,
    *,
    score_thr: float,
    draw: bool,
    all_tracks: bool = False,
    stopped: threading.Event | None = None,
) -> list[str]:
    """Writes each frame's tracks as they come, until the source ends or somebody presses Ctrl-C.

    The stream's result is then that of the frames that were written. If the source breaks off, the frames before are
    in `frames.jsonl`, and there is no video.

    Args:
        stream: The video.
        out_dir: Folder for the files.
        score_thr: Tracks below it are not written.
        all_tracks: Write also what covers the same thing as a better track of the frame.
        draw: Whether to write the overlay and its contact sheet.
        stopped: Is set when somebody presses Ctrl-C.

    Returns:
        Names of the files.

    Raises:
        InputError: The source breaks off, or a file cannot be written.
    """
    source, names = stream.source, stream.vocabulary.names
    sheet = ContactSheet()
    with ExitStack() as stack:
        lines = stack.enter_context((out_dir / LINES).open("w", encoding="utf-8"))
        video = None
        if draw:
            size = source.height, source.width
            video = VideoWriter(out_dir / OVERLAY, source.frame_rate, *size, sound=source.sound())
            stack.enter_context(video)
        stopped = stack.enter_context(first_interrupt(stopped))

        def write(image: np.ndarray, tracks: FrameTracks, time: float, number: int) -> None:
            records = tracks.records(names, score_thr)
            records = records if all_tracks else distinct_records(records)
            line = {"frame": number, "time": round(time, 6), "tracks": records}
            print(json.dumps(line), file=lines, flush=True)
            if video is not None:
                drawn = draw_records(image, records)
                video.write(drawn, time)
                sheet.add(drawn)

        behind = stack.enter_context(Behind(depth=FRAMES_BEHIND))  # the last to open: it ends before the files do
        for image, tracks in stream:
            behind.submit(write, image, tracks, stream.time, stream.number)
            if stopped.is_set():
                break
        stream.close()
    if not draw:
        return [LINES]
    write_picture(sheet.image(), out_dir / SHEET)
    return [LINES, OVERLAY, SHEET]


@contextmanager
def first_interrupt(stopped: threading.Event | None = None) -> Iterator[threading.Event]:
    """The first Ctrl-C, SIGTERM or SIGHUP sets the event; the next one, as for a source that sends nothing, leaves the
    program."""
    stopped = stopped or threading.Event()
    before = {}

    def stop(*_: object) -> None:
        stopped.set()
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            number = getattr(signal, name)
            before[number] = signal.signal(number, stop)
    try:
        yield stopped
    finally:
        restore()


def write_picture(picture: np.ndarray, path: Path) -> None:
    """An RGB picture as PNG."""
    with whole_file(path) as file:
        Image.fromarray(picture).save(file, format="PNG")
