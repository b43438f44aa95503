"""No option of the command line is without effect."""

from __future__ import annotations

import inspect

from clipvis_core import Vocabulary
from clipvis_core.command_line.choices import model_spec
from clipvis_core.command_line.infer_options import parse_args
from clipvis_core.inference import CLIPVISInferencer


def test_the_model_gets_every_option_that_it_takes():
    spec = model_spec(parse_args(["clip.mp4", "--window", "3"]), Vocabulary.from_text("dog"))
    parameters = inspect.signature(CLIPVISInferencer).parameters.values()
    taken = {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
    assert spec.options.keys() == taken - {"vocabulary"}
    assert spec.options["window"] == 3
