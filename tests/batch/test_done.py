"""What `done.json` says was asked for."""

from __future__ import annotations

from clipvis_core import Vocabulary
from clipvis_core.batch.done import request_of
from clipvis_core.command_line.choices import model_spec, output_options
from clipvis_core.command_line.infer_options import parse_args


def request(*options: str) -> dict:
    args = parse_args(["clip.mp4", *options])
    return request_of(model_spec(args, Vocabulary.from_text("dog")), output_options(args))


def test_where_it_runs_is_no_part_of_the_request():
    assert request("--device", "cuda", "--window", "3", "--cuda-graphs") == request()


def test_what_changes_the_answer_is():
    assert request("--dtype", "bfloat16") != request()
    assert request("--masks") != request()
    assert request("--reuse-within", "4") != request()
