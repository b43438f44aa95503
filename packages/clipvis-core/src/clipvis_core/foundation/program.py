"""What every command-line program here does with a user's mistake: one line on stderr, exit code 2."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from typing import NoReturn


def plain_messages() -> None:
    """Warnings are lines on stderr without torch's own; a word that the terminal cannot show does not end the run."""
    warnings.filterwarnings("ignore", category=UserWarning, module="torch")
    warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def run(main: Callable[[], int | None], *user_errors: type[Exception]) -> NoReturn:
    """Runs `main` and leaves the process with its exit code (`None` counts as 0).

    Args:
        main: The program's body.
        user_errors: Exception types that mean "the user can fix this": their message is printed as one
            line and the exit code is 2. Anything else is a fault of ours and keeps its traceback.
    """
    try:
        code = main() or 0
    except user_errors as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        code = 2
    except BrokenPipeError:  # whoever reads our output has seen enough, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    sys.exit(code)
