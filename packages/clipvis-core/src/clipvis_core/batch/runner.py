"""Videos one after the other through one model, in one process; neighbours overlap."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clipvis_core.batch.attempts import MOST, Attempts
from clipvis_core.batch.done import DONE, Done, file_print, print_of, read_done
from clipvis_core.batch.jobs import Job
from clipvis_core.batch.outcomes import Outcome, State
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.folder_lock import FolderBusyError
from clipvis_core.foundation.whole_file import full_disk_in_a_line
from clipvis_core.inference.inferencer import CLIPVISInferencer
from clipvis_core.inference.model_spec import ModelSpec
from clipvis_core.inference.output_folder import OutputFolder
from clipvis_core.inference.result import SegmentationResult
from clipvis_core.inference.video_task import OutputOptions, VideoTask
from clipvis_core.pipelining import Behind, ahead

_POLL = 0.1  # seconds between looks at whether the run was stopped

Report = Callable[[Outcome], None]


@dataclass(frozen=True)
class Plan:
    """What all inputs of a batch have in common; can be sent to other processes.

    Attributes:
        spec: The model.
        options: What is taken of each input, and written.
        request: See `request_of`.
        reads: Files that are read besides the inputs.
        attempts: Folder of `Attempts`, where a process that ends is replaced by another.
    """

    spec: ModelSpec
    options: OutputOptions
    request: Mapping[str, Any]
    reads: tuple[str, ...] = ()
    attempts: Path | None = None


class VideoRunner:
    """Runs jobs: while one is in the network, the next is opened and decoded, and the one before is drawn and written.

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
        under_way = _UnderWay(report, stopped)
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

    def _opened(self, jobs: Iterable[Job], under_way: _UnderWay) -> Iterator[_Video]:
        """Opens what is to be done; runs ahead of the network."""
        for job in jobs:
            if under_way.stopped.is_set():
                return
            video = _Video(job, job.place(), time.monotonic())
            with under_way.failures(video):
                if not self._is_due(video, under_way):
                    continue
                count = 1 if self._attempts is None else self._attempts.begin(job.index)
                if count > MOST:
                    raise InputError(f"the process ended {MOST} times while it was at it: out of memory, or a bad file")
                alone = count > 1  # so that no neighbour is blamed
                if alone:
                    under_way.wait()
                under_way.add(video, self._attempts)
                self._open(video)
                if under_way.is_over(video):
                    return
                yield video
                if alone:
                    under_way.wait()

    def _is_due(self, video: _Video, under_way: _UnderWay) -> bool:
        """Whether the answer is not there yet; if it is, that is reported."""
        done = read_done(video.folder_path, self._plan.request, video.job.video)
        if done is not None:
            under_way.end(video, State.SKIPPED, done=done)
        return done is None

    def _open(self, video: _Video) -> None:
        """Opens the input, locks and prepares its folder.

        Raises:
            _DoneBeforeError: Another run has done it in the meantime.
            FolderBusyError: Another run is at it.
            InputError: The input or the folder cannot be used.
        """

        def ready() -> None:
            if done := read_done(video.folder_path, self._plan.request, video.job.video):
                raise _DoneBeforeError(done)
            (video.folder_path / DONE).unlink(missing_ok=True)

        video.task = VideoTask(video.job.video, self._plan.options)
        folder = video.task.folder(video.folder_path, reads=self._plan.reads, extra=[DONE], ready=ready)
        video.folder = video.open.enter_context(folder)
        video.print = print_of(video.job.video)

    def _segmented(
        self, video: _Video, inferencer: CLIPVISInferencer, under_way: _UnderWay
    ) -> SegmentationResult | None:
        """The result; None if there is none, which is reported."""
        with under_way.failures(video):
            return video.task.segment(inferencer, under_way.stopped, progress=False)
        return None

    def _write(
        self, video: _Video, inferencer: CLIPVISInferencer, result: SegmentationResult, under_way: _UnderWay
    ) -> None:
        """Writes an answer, `done.json` last; runs behind the network."""
        with under_way.failures(video):
            score_thr = video.task.score_thr(inferencer)
            drawn = video.task.write(result, video.folder, score_thr=score_thr, progress=False)
            files = {name: file_print(video.folder_path / name) for name in sorted(video.folder.written)}
            done = Done(self._plan.request, video.print, files, result.num_frames, drawn.labels)
            with video.folder.file(DONE) as file:
                done.write(file)
            video.open.close()
            under_way.end(video, State.DONE, done=done)


@dataclass(eq=False)
class _Video:
    """A job that is under way."""

    job: Job
    folder_path: Path
    began: float
    task: VideoTask | None = None
    folder: OutputFolder | None = None
    print: Mapping[str, Any] | None = None
    open: ExitStack = field(default_factory=ExitStack)


class _DoneBeforeError(Exception):
    """The answer is there already."""

    def __init__(self, done: Done) -> None:
        super().__init__()
        self.done = done


class _DroppedError(Exception):
    """The run was stopped before the answer was there."""


class _UnderWay:
    """The jobs that are open; reports how they end. Threads share it."""

    def __init__(self, report: Report, stopped: threading.Event) -> None:
        self.stopped = stopped
        self._report = report
        self._videos: dict[_Video, Attempts | None] = {}
        self._over = False
        self._changed = threading.Condition(threading.RLock())

    def add(self, video: _Video, attempts: Attempts | None) -> None:
        """The job was begun."""
        with self._changed:
            self._videos[video] = attempts

    def is_over(self, video: _Video) -> bool:
        """Whether the run has ended while the job was being opened; it is closed then."""
        with self._changed:
            if self._over:
                _close(video, _DroppedError())
            return self._over

    def wait(self) -> None:
        """Until no job is under way, or the run is stopped."""
        with self._changed:
            while self._videos and not self.stopped.is_set():
                self._changed.wait(_POLL)

    def end(self, video: _Video, state: State, *, done: Done | None = None, message: str = "") -> None:
        """The job is over."""
        facts = {} if done is None else {"num_frames": done.num_frames, "labels": done.labels}
        seconds = 0.0 if state is State.SKIPPED else time.monotonic() - video.began
        job = video.job
        with self._changed:
            attempts = self._videos.pop(video, None)
            if attempts is not None:
                attempts.end(job.index)
            self._changed.notify_all()
            self._report(
                Outcome(job.index, job.video, str(video.folder_path), state, **facts, seconds=seconds, message=message)
            )

    @contextmanager
    def failures(self, video: _Video) -> Iterator[None]:
        """Errors of the block are the end of one job, and not of the run."""
        try:
            with full_disk_in_a_line():
                yield
        except _DoneBeforeError as before:
            _close(video, before)
            self.end(video, State.SKIPPED, done=before.done)
        except FolderBusyError as error:
            _close(video, error)
            self.end(video, State.BUSY)
        except Exception as error:  # whatever a file brings about, the others are done
            _close(video, error)
            self.end(video, State.FAILED, message=_line(error))

    def drop(self) -> None:
        """Closes what is left open; its folders are as if they had not been begun, as far as nothing is in them."""
        with self._changed:
            self._over = True
            for video, attempts in self._videos.items():
                _close(video, _DroppedError())
                if attempts is not None:
                    attempts.end(video.job.index)
            self._videos.clear()


def _close(video: _Video, error: Exception) -> None:
    """Leaves the folder as its context does after an error."""
    video.open.__exit__(type(error), error, None)


def _line(error: Exception) -> str:
    """What went wrong, in one line; a fault of ours also leaves its traceback on stderr."""
    if isinstance(error, MemoryError):
        return "out of memory: take a smaller --short-side, or fewer --workers"
    if not isinstance(error, InputError):
        traceback.print_exception(error, file=sys.stderr)
        return " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return " ".join(str(error).split())
