"""The command `clipvis`: segments a video, or does what one of its sub-commands says."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from clipvis_core.command_line.infer_options import parse_args
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.program import run

#: What each sub-command does; module `clipvis_core.command_line.NAME` has it, as `main(arguments) -> exit code`.
SUBCOMMANDS = {
    "export": "writes what was found as COCO, YouTube-VIS, CVAT, csv, cut-outs and more",
    "ask": "asks an earlier answer for other words, without the network",
    "models": "lists the models by name",
    "studio": "opens a page to run videos, ask words and take results along",
}
EPILOG = "Other commands: " + "; ".join(f"`clipvis {name}` {does}" for name, does in SUBCOMMANDS.items()) + "."


def main(arguments: Sequence[str] | None = None, *, prog: str | None = "clipvis") -> int:
    """Runs the command with some arguments, by default those of this process; returns its exit code.

    A video that is called as a sub-command is given as `./models`.

    Raises:
        InputError: Something the user gave cannot be used.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments and arguments[0] in SUBCOMMANDS:
        return import_module(f"clipvis_core.command_line.{arguments[0]}").main(arguments[1:])
    args = parse_args(arguments, prog=prog, epilog=EPILOG)
    from clipvis_core.command_line.infer import infer  # imports torch, which takes seconds: after the arguments

    return infer(args)


def console() -> None:
    """What the installed command calls."""
    run(main, InputError)
