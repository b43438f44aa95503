"""The command `clipvis`: segments a video, or lists the models."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from clipvis_core.command_line.infer_options import parse_args
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.program import importing, run

EPILOG = "Other commands: `clipvis models` lists the models by name."


def main(arguments: Sequence[str] | None = None, *, prog: str | None = "clipvis") -> int:
    """Runs the command with some arguments, by default those of this process; returns its exit code.

    Raises:
        InputError: Something the user gave cannot be used.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments == ["models"]:
        from clipvis_core.command_line.models import list_models

        list_models()
        return 0
    args = parse_args(arguments, prog=prog, epilog=EPILOG)
    with importing():
        from clipvis_core.command_line.infer import infer  # imports torch, which takes seconds: after the arguments

    return infer(args)


def console() -> None:
    """What the installed command calls."""
    run(main, InputError)
