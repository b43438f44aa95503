"""Scores a result file: the command `clipvis-eval` for a checkout."""

from __future__ import annotations

import _command
from clipvis_core.foundation.errors import InputError
from clipvis_eval.command_line import main

if __name__ == "__main__":
    _command.run(main, InputError)
