"""How every command-line program here ends: a mistake is one line on stderr and exit code 2, Ctrl-C one and 130."""

from __future__ import annotations

import errno
import logging
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from clipvis_core.foundation.errors import shortened

_IMPORTING = "<frozen importlib._bootstrap>"  # the file of a frame that imports a module
INTERRUPTED = 130  # 128 and the number of SIGINT, as a shell has it


def plain_messages() -> None:
    """Warnings are lines on stderr without torch's own; a word that the terminal cannot show does not end the run."""
    warnings.filterwarnings("ignore", category=UserWarning, module="torch")
    warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def run(
    main: Callable[[], int | None], *user_errors: type[Exception], at_once: Callable[[], bool] = lambda: False
) -> NoReturn:
    """Runs `main` and leaves the process with its exit code (`None` counts as 0).

    Args:
        main: The program's body.
        user_errors: Exception types that mean "the user can fix this": their message is printed as one
            line and the exit code is 2. Anything else is a fault of ours and keeps its traceback.
        at_once: Asked at the end: whether to leave without taking the interpreter down, because a library's threads
            may abort the process while that happens.
    """
    _open_closed_streams()
    heed_interrupts()
    try:
        code = main() or 0
        sys.stdout.flush()
    except user_errors as error:
        code = _refuse(str(error))
    except BrokenPipeError:  # whoever reads our output has seen enough, as `| head` does
        _drop_output()
        code = 0
    except OSError as error:
        if not _is_output_at_fault(error):
            raise
        _drop_output()
        code = _refuse(f"standard output cannot be written ({error.strerror}): send it to another place")
    except BaseException as error:
        if not _came_of_interrupt(error):
            raise
        print("interrupted", file=sys.stderr)
        code = INTERRUPTED
    if at_once():
        _end_at_once(code)
    sys.exit(code)


def _end_at_once(code: int) -> NoReturn:
    for child in multiprocessing.active_children():
        child.terminate()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def heed_interrupts() -> None:
    """Ctrl-C raises KeyboardInterrupt, except while a module is imported, when it ends the process at once.

    Where it is ignored, as a shell has it for what it starts in the background, it stays so.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    place = frame
    while place is not None:
        if place.f_code.co_filename == _IMPORTING:
            _leave(number, frame)
        place = place.f_back
    signal.default_int_handler(number, frame)


def _came_of_interrupt(error: BaseException | None) -> bool:
    """Whether an error is Ctrl-C, or what a library made of it: mmengine, which formats a config, a SyntaxError."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


@contextmanager
def leaving_on_interrupt() -> Iterator[None]:
    """Ctrl-C ends the process at once, while parts are built and nothing is lost by it.

    Python would raise in the middle of a library, and some swallow that, print where it came, or make another error of
    it.
    """
    before = signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)


def _refuse(message: str) -> int:
    print(f"error: {shortened(message)}", file=sys.stderr)
    return 2


def _open_closed_streams() -> None:
    """Somewhere to print to, where the process was started without (`>&-`)."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 (for the life of the process)


def _is_output_at_fault(error: OSError) -> bool:
    """Whether an error came from printing: it names no file, and an empty line cannot be printed either."""
    if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
        return False
    try:
        print(flush=True)
    except OSError:
        return True
    return False


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
