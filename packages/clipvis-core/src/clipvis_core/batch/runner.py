"""Videos one after the other through one model, in one process; neighbours overlap."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipvis_core.batch.attempts import MOST, Attempts
from clipvis_core.batch.done import DONE, Done, file_print, print_of, read_done
from clipvis_core.batch.exporting import check_exports, write_exports
from clipvis_core.batch.jobs import Job
from clipvis_core.batch.outcomes import State
from clipvis_core.batch.under_way import DoneBeforeError, OpenVideo, Report, UnderWay
from clipvis_core.batch.video_task import OutputOptions, VideoTask
from clipvis_core.foundation.errors import InputError
from clipvis_core.inference.inferencer import CLIPVISInferencer
from clipvis_core.inference.model_spec import ModelSpec
from clipvis_core.inference.result import SegmentationResult
from clipvis_core.pipelining import Behind, ahead


@dataclass(frozen=True)
class Plan:
    """What all inputs of a batch have in common; can be sent to other processes.

    Attributes:
        spec: The model.
        options: What is taken of each input, and written.
        request: See `request_of`.
        reads: Files that are read besides the inputs.
        exports: Kinds of exports of each input.
        attempts: Folder of `Attempts`, where a process that ends is replaced by another.
    """

    spec: ModelSpec
    options: OutputOptions
    request: Mapping[str, Any]
    reads: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    attempts: Path | None = None


class VideoRunner:
    """Runs jobs: while one is in the network, the next is opened, and the one before is drawn and written.

    The model is built for the first video that is not done yet, and another one for the first image.

    Args:
        plan: What the jobs have in common.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._models: dict[bool, CLIPVISInferencer] = {}
        self._attempts = None if plan.attempts is None else Attempts(plan.attempts)

    def run(self, jobs: Iterable[Job], report: Report, stopped: threading.Event) -> None:
        """Does jobs until there are none, or until `stopped` is set, which drops those that are not being written.

        Args:
            jobs: Are asked for in another thread, two ahead.
            report: Is given the outcome of each job, from any thread, one at a time.
            stopped: Ends the run.

        Raises:
            InputError: The model cannot be built.
        """
        under_way = UnderWay(report, stopped)
        try:
            with Behind(depth=1) as behind, closing(ahead(self._opened(jobs, under_way), depth=1)) as opened:
                for video in opened:
                    inferencer = self._model(video.task.is_image)
                    result = self._segmented(video, inferencer, under_way)
                    if stopped.is_set():
                        break
                    if result is not None:
                        behind.submit(self._write, video, inferencer, result, under_way)
        finally:
            under_way.drop()

    def _model(self, is_image: bool) -> CLIPVISInferencer:
        if is_image not in self._models:
            self._models[is_image] = self._plan.spec.build(is_image=is_image, quiet=True)
        return self._models[is_image]

    def _opened(self, jobs: Iterable[Job], under_way: UnderWay) -> Iterator[OpenVideo]:
        """Opens what is to be done; runs ahead of the network."""
        for job in jobs:
            if under_way.stopped.is_set():
                return
            video = OpenVideo(job, job.place(), time.monotonic())
            with under_way.failures(video):
                if not self._is_due(video, under_way):
                    continue
                count = 1 if self._attempts is None else self._attempts.begin(job.index)
                if count > MOST:
                    raise InputError(f"the process ended {MOST} times while it was at it: out of memory, or a bad file")
                alone = count > 1  # so that no neighbour is blamed
                if alone:
                    under_way.wait()
                if not under_way.add(video, self._attempts):
                    return
                self._open(video)
                if not under_way.opened(video):
                    return
                yield video
                if alone:
                    under_way.wait()

    def _is_due(self, video: OpenVideo, under_way: UnderWay) -> bool:
        """Whether the answer is not there yet; if it is, that is reported."""
        done = read_done(video.folder_path, self._plan.request, video.job.video)
        if done is not None:
            under_way.end(video, State.SKIPPED, done=done)
        return done is None

    def _open(self, video: OpenVideo) -> None:
        """Opens the input, locks and prepares its folder.

        Raises:
            DoneBeforeError: Another run has done it in the meantime.
            FolderBusyError: Another run is at it.
            InputError: The input or the folder cannot be used.
        """

        def ready() -> None:
            if done := read_done(video.folder_path, self._plan.request, video.job.video):
                raise DoneBeforeError(done)
            (video.folder_path / DONE).unlink(missing_ok=True)

        check_exports(self._plan.exports, video.folder_path)
        video.task = VideoTask(video.job.video, self._plan.options)
        folder = video.task.folder(video.folder_path, reads=self._plan.reads, extra=[DONE], ready=ready)
        video.folder = video.open.enter_context(folder)
        video.input_print = print_of(video.job.video)

    def _segmented(
        self, video: OpenVideo, inferencer: CLIPVISInferencer, under_way: UnderWay
    ) -> SegmentationResult | None:
        """The result; None if there is none, which is reported."""
        with under_way.failures(video):
            return video.task.segment(inferencer, video.folder, under_way.stopped, progress=False)
        return None

    def _write(
        self, video: OpenVideo, inferencer: CLIPVISInferencer, result: SegmentationResult, under_way: UnderWay
    ) -> None:
        """Writes an answer, `done.json` last; runs behind the network."""
        with under_way.failures(video):
            score_thr = video.task.score_thr(inferencer)
            drawn = video.task.write(result, video.folder, score_thr=score_thr, progress=False)
            exports = write_exports(self._plan.exports, video.folder_path, all_tracks=self._plan.options.all_tracks)
            files = {name: file_print(video.folder_path / name) for name in sorted([*video.folder.written, *exports])}
            done = Done(self._plan.request, video.input_print, files, result.num_frames, drawn.labels)
            with video.folder.file(DONE) as file:
                done.write(file)
            video.open.close()
            under_way.end(video, State.DONE, done=done)
