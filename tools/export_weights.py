"""Writes the weights of a checkpoint alone, small and without pickle, for others to use.

    python tools/export_weights.py work_dirs/run/iter_2500.pth mine.safetensors --config configs/video/mine.py

Optimizer, schedule and logs stay behind. The file remembers its config, so that `tools/infer.py` needs none.
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
    parser.add_argument("output", metavar="OUT", help="safetensors file to write")
    parser.add_argument("--config", required=True, help="config for videos, in configs/")
    parser.add_argument("--image-config", help="config for single images (default: the same)")
    parser.add_argument("--dtype", default="float16", choices=("float16", "bfloat16", "float32"))
    export(parser.parse_args())


def export(args: argparse.Namespace) -> None:
    """Writes weights that fit both configs."""
    import torch  # which takes seconds: after the arguments

    from clipvis_core.checkpoints import check_shapes, model_state, read_checkpoint, write_weights
    from clipvis_core.inference import build_model

    configs = {"config": args.config, "image_config": args.image_config or args.config}
    meta = {name: name_in_repository(config) for name, config in configs.items()}
    state = model_state(read_checkpoint(args.input), args.input)
    for config in configs.values():
        check_shapes(state, build_model(config, checkpoint=None).state_dict(), args.input)
    write_weights(state, args.output, dtype=getattr(torch, args.dtype), meta=meta)
    size = Path(args.output).stat().st_size / 1e6
    print(f"wrote {args.output}: {len(state)} tensors, {size:.1f} MB, {args.dtype}")


def name_in_repository(config: str) -> str:
    """A config's path from the root of the repository.

    Raises:
        InputError: It lies elsewhere, where a user of the weights does not have it.
    """
    path = Path(config).resolve()
    if not path.is_relative_to(ROOT / "configs"):
        raise InputError(f"{config} is not in {ROOT / 'configs'}: move it there first")
    return path.relative_to(ROOT).as_posix()


if __name__ == "__main__":
    _command.run(main, InputError)
