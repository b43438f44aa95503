"""Segment, track and name everything a list of words asks for in a video, a folder of frames or an image.

    python tools/infer.py video.mp4 --classes "dog, puppy; frisbee"
    python tools/infer.py video.mp4 --classes "dog, puppy; frisbee" --checkpoint clipvis_r50_lvis.pth

The command itself is `clipvis_core.command_line.infer`; this program adds the category lists of the benchmarks.
"""

from __future__ import annotations

from functools import partial

import _command
from clipvis_core import InputError, Vocabulary
from clipvis_core.command_line import infer


def benchmark_words(name: str) -> Vocabulary:
    """The categories of a benchmark, or of a file of that form."""
    from clipvis_data.vocabularies import load_vocabulary

    return Vocabulary.from_categories(load_vocabulary(name).prompts())


if __name__ == "__main__":
    _command.run(partial(infer.main, named_words=benchmark_words), InputError)
