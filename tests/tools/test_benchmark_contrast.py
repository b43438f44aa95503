"""The benchmark of contrast words times the same clip with them and without."""

from __future__ import annotations

import argparse
import json


def test_every_figure_is_there(repo_root):
    from benchmarks import contrast

    parser = argparse.ArgumentParser()
    contrast.add_arguments(parser)
    options = ["--frames", "2", "--size", "64x96", "--repeats", "1", "--clock", "cpu"]
    figures = contrast.run(parser.parse_args(options))
    assert figures["contrast_words"] > 300
    assert figures["seconds"].keys() == {"encode_list", "ask_other_words"}
    times = figures["milliseconds_a_frame"]
    assert times["difference"] == round(times["with"] - times["without"], 2)
    assert min(times["with"], times["without"], *figures["seconds"].values()) > 0
    json.dumps(figures)
