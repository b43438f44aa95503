"""Segmenting an upload and asking an answer for other words, as the command line does, step by step."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clipvis_core.batch.answer_files import REPORT, write_end, write_lists
from clipvis_core.batch.video_task import OutputOptions, VideoTask
from clipvis_core.command_line.studio.library import ASKED
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.foundation.whole_file import full_disk_in_a_line
from clipvis_core.inference.asking import Asker
from clipvis_core.inference.duplicates import distinct_records
from clipvis_core.inference.frame_stream import FrameStream
from clipvis_core.inference.inferencer import CLIPVISInferencer
from clipvis_core.inference.model_choice import choose_model
from clipvis_core.inference.output_folder import RESULTS, WORDS, OutputFolder, read_record
from clipvis_core.inference.overlay import draw_records
from clipvis_core.media import open_frames

PICTURE_SECONDS = 0.5  # between two pictures of a run that goes on


@dataclass(frozen=True)
class Step:
    """What a run says meanwhile.

    Attributes:
        message: One line.
        picture: The latest frame with its tracks drawn, RGB uint8 `(H, W, 3)`, or None where there is no new one.
    """

    message: str
    picture: np.ndarray | None = None


class Runs:
    """Segments uploads one after the other; the model of the latest is kept for the next."""

    def __init__(self) -> None:
        self._model: tuple[tuple[str, bool], CLIPVISInferencer] | None = None

    def segment(self, upload: Path, words: str, model: str, folder: Path, stopped: threading.Event) -> Iterator[Step]:
        """Writes the answer of an upload to a folder; when `stopped` is set, that of the frames so far.

        Raises:
            InputError: The words, the model or the upload cannot be used, or the disk is full.
        """
        vocabulary = Vocabulary.from_text(words)
        task = VideoTask(str(upload), OutputOptions(features=True))
        with task.folder(folder) as out, full_disk_in_a_line():
            yield Step("loading the model")
            inferencer = self._inferencer(model, vocabulary, is_image=task.is_image)
            if task.is_image:
                result = task.segment(inferencer, out, stopped, progress=False)
            else:
                with task.kept_features(out) as kept:
                    stream = inferencer.stream(task.source, **kept)
                    yield from _frames(stream, inferencer.score_thr, stopped)
                    stream.close()
                    result = stream.result()
            yield Step("writing the files")
            score_thr = task.score_thr(inferencer)
            task.write(result, out, score_thr=score_thr, complete=not stopped.is_set(), progress=False)

    def _inferencer(self, model: str, vocabulary: Vocabulary, *, is_image: bool) -> CLIPVISInferencer:
        if self._model is not None and self._model[0] == (model, is_image):
            self._model[1].set_vocabulary(vocabulary)
            return self._model[1]
        self._model = None  # one model at a time is in memory
        config, checkpoint = choose_model(model, None, None, is_image=is_image)
        inferencer = CLIPVISInferencer(config, checkpoint, vocabulary=vocabulary)
        self._model = ((model, is_image), inferencer)
        return inferencer


def ask(folder: Path, words: str) -> Path:
    """Writes the answer of a run for other words, without the network; returns its folder.

    Raises:
        InputError: The words cannot be used, the run kept no features, or its video is gone.
    """
    vocabulary = Vocabulary.from_text(words)
    asker = Asker.open(folder)
    result = asker.ask(vocabulary)
    record = read_record(folder) or {}
    video = record.get("input")
    if not isinstance(video, str):
        raise InputError(f"{folder.name} does not say which video it is of: upload the video again")
    names = [WORDS, RESULTS, REPORT]
    with OutputFolder(folder / ASKED, names, reads=[video], video=video) as out, full_disk_in_a_line():
        source = open_frames(video, allow_truncated=True)
        complete = asker.features.ended and record.get("complete") is True
        score_thr = asker.score_thr(result)
        write_lists(result, out)
        write_end(result, source, out, score_thr=score_thr, all_tracks=False, complete=complete)
    return folder / ASKED


def _frames(stream: FrameStream, score_thr: float, stopped: threading.Event) -> Iterator[Step]:
    """The steps of a video, with a picture now and then."""
    total = stream.source.num_frames
    last = start = time.monotonic()
    for number, (image, tracks) in enumerate(stream, start=1):
        now = time.monotonic()
        if number == 1 or now - last >= PICTURE_SECONDS:
            last = now
            of_all = f" of {total}" if total else ""
            records = distinct_records(tracks.records(stream.vocabulary.names, score_thr))
            message = f"frame {number}{of_all}, {number / max(now - start, 1e-3):.1f} frames a second"
            yield Step(message, draw_records(image, records))
        if stopped.is_set():
            return
