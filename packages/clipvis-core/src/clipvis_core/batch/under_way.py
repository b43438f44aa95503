"""The jobs that are open, and how they end."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clipvis_core.batch.attempts import Attempts
from clipvis_core.batch.done import Done
from clipvis_core.batch.jobs import Job
from clipvis_core.batch.outcomes import Outcome, State
from clipvis_core.batch.video_task import VideoTask
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.folder_lock import FolderBusyError
from clipvis_core.foundation.whole_file import full_disk_in_a_line
from clipvis_core.inference.output_folder import OutputFolder

_POLL = 0.1  # seconds between looks at whether the run was stopped

Report = Callable[[Outcome], None]


@dataclass(eq=False)
class OpenVideo:
    """A job that is under way.

    Attributes:
        job: The job.
        folder_path: Where its answer goes.
        began: When it was begun, by the monotonic clock.
        task: The opened input.
        folder: The entered folder.
        input_print: See `print_of`.
        open: What has to be closed at the end.
        is_opening: Whether another thread still fills in the fields above.
    """

    job: Job
    folder_path: Path
    began: float
    task: VideoTask | None = None
    folder: OutputFolder | None = None
    input_print: Mapping[str, Any] | None = None
    open: ExitStack = field(default_factory=ExitStack)
    is_opening: bool = True


class DoneBeforeError(Exception):
    """The answer is there already."""

    def __init__(self, done: Done) -> None:
        super().__init__()
        self.done = done


class DroppedError(Exception):
    """The run was stopped before the answer was there."""


class UnderWay:
    """The jobs that are open; reports how they end. Threads share it."""

    def __init__(self, report: Report, stopped: threading.Event) -> None:
        self.stopped = stopped
        self._report = report
        self._videos: dict[OpenVideo, Attempts | None] = {}
        self._over = False
        self._changed = threading.Condition(threading.RLock())

    def add(self, video: OpenVideo, attempts: Attempts | None) -> bool:
        """The job is begun; False if the run has ended, and it must not be."""
        with self._changed:
            if not self._over:
                self._videos[video] = attempts
            return not self._over

    def opened(self, video: OpenVideo) -> bool:
        """The job is open; False if the run has ended in the meantime."""
        with self._changed:
            video.is_opening = False
            self._changed.notify_all()
            return not self._over

    def wait(self) -> None:
        """Until no job is under way, or the run is stopped."""
        with self._changed:
            while self._videos and not self.stopped.is_set():
                self._changed.wait(_POLL)

    def end(self, video: OpenVideo, state: State, *, done: Done | None = None, message: str = "") -> None:
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
    def failures(self, video: OpenVideo) -> Iterator[None]:
        """Errors of the block are the end of one job, and not of the run."""
        try:
            with full_disk_in_a_line():
                yield
        except DoneBeforeError as before:
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
            while any(video.is_opening for video in self._videos):
                self._changed.wait(_POLL)
            for video, attempts in self._videos.items():
                _close(video, DroppedError())
                if attempts is not None:
                    attempts.end(video.job.index)
            self._videos.clear()


def _close(video: OpenVideo, error: Exception) -> None:
    """Leaves the folder as its context does after an error."""
    video.open.__exit__(type(error), error, None)


def _line(error: Exception) -> str:
    """What went wrong, in one line; a fault of ours also leaves its traceback on stderr."""
    if isinstance(error, MemoryError):
        return "out of memory: take a smaller --short-side, or fewer --workers"
    if not isinstance(error, InputError):
        traceback.print_exception(error, file=sys.stderr)
        return " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return str(error)
