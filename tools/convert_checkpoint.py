"""Converts a released CLIP-VIS checkpoint to this repository's names, or back, as its keys require.

    python tools/convert_checkpoint.py clipvis_official.pth clipvis.pth

Every tensor is passed on bit for bit, entries beside the weights (optimizer, scheduler) are kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import _command
from clipvis_core.foundation.errors import InputError

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("input", metavar="IN", help="checkpoint to read")
    parser.add_argument("output", metavar="OUT", help="checkpoint to write")
    convert(parser.parse_args())


def convert(args: argparse.Namespace) -> None:
    """Writes the other form of a checkpoint, which must fit a released config."""
    from clipvis_core.checkpoints import (  # imports torch, which takes seconds: after the arguments
        check_shapes,
        describe_layout,
        is_official,
        model_state,
        official_file,
        our_file,
        read_checkpoint,
        write_checkpoint,
    )
    from clipvis_core.checkpoints.loading import FITTING_CONFIGS
    from clipvis_core.inference import build_model

    content = read_checkpoint(args.input)
    state = model_state(content, args.input)
    layout = describe_layout(state)
    from_official = is_official(state)
    print(f"{args.input}: {layout}, {len(state)} entries, {'official' if from_official else 'our'} names")
    if layout not in FITTING_CONFIGS:
        raise InputError(f"{args.input} holds {layout}, and only depths of 6 and 9 layers were ever released")
    ours = our_file(content, args.input) if from_official else content
    model = build_model(ROOT / FITTING_CONFIGS[layout], checkpoint=None)
    check_shapes(model_state(ours, args.input), model.state_dict(), args.input)
    write_checkpoint(ours if from_official else official_file(content, args.input), args.output)
    print(
        f"wrote {args.output} with {'our' if from_official else 'official'} names; runs with {FITTING_CONFIGS[layout]}"
    )


if __name__ == "__main__":
    _command.run(main, InputError)
