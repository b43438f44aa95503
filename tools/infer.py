"""Segments, tracks and names what a list of words asks for in a video: the command `clipvis` for a checkout.

python tools/infer.py video.mp4 --classes "dog, puppy; frisbee"
python tools/infer.py video.mp4 --classes "dog, puppy; frisbee" --checkpoint clipvis_r50_lvis.pth
"""

from __future__ import annotations

from functools import partial

import _command
from clipvis_core.command_line.clipvis import main
from clipvis_core.foundation.errors import InputError

if __name__ == "__main__":
    _command.run(partial(main, prog=None), InputError)
