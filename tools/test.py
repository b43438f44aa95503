"""Tests a model on a dataset: `python tools/test.py CONFIG CHECKPOINT [--work-dir D] [--resume]`.

Video results are written as they come, one file a video; a run that was killed goes on with
`--resume` and ends with the same `results.json` as one that was not.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmdet.registry import METRICS
from mmengine.config import Config, ConfigDict, DictAction
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

import _command
from clipvis_core.checkpoints import check_shapes, load_checkpoint, model_state, read_checkpoint
from clipvis_core.foundation.errors import InputError
from clipvis_core.inference import building
from clipvis_core.inference.inferencer import DTYPES
from clipvis_core.models import Arithmetic, CLIPVISImage, CLIPVISVideo
from clipvis_eval.metrics import TrackMetric
from clipvis_eval.running.result_store import file_digest, text_digest
from clipvis_eval.running.test_loop import ResumableTestLoop
from clipvis_train.launching import process_group


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("checkpoint", help="an official .pth or one of ours")
    parser.add_argument("--work-dir", help="default: work_dirs/<config name>")
    parser.add_argument("--resume", action="store_true", help="skip the videos already finished")
    parser.add_argument(
        "--dtype",
        default="float32",
        choices=list(DTYPES),
        help="precision of the network's heavy parts; reported figures are float32's",
    )
    parser.add_argument("--format-only", action="store_true", help="write results, no evaluation")
    parser.add_argument("--launcher", choices=("none", "pytorch", "slurm", "mpi"), default="none")
    parser.add_argument("--local-rank", "--local_rank", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--cfg-options", nargs="+", action=DictAction, help="key=value overrides")
    args = parser.parse_args()

    config = read_config(args)
    for key in ("model", "test_dataloader", "test_evaluator"):
        if config.get(key) is None:
            raise InputError(f"{args.config} has no {key}; choose a config that can be tested")
    config.work_dir = args.work_dir or str(Path("work_dirs", Path(args.config).stem))
    if args.format_only:
        set_format_only(config)
    if is_track_test(config):
        config.test_cfg = {
            "type": "ResumableTestLoop",
            "identity": identity(config, args.checkpoint, args.dtype),
            "resume": args.resume,
        }
    elif args.resume:
        raise InputError("--resume needs a video dataset with a track metric; run without it")
    elif config.get("test_cfg") is None:
        config.test_cfg = {"type": "TestLoop"}
    config.train_dataloader = config.train_cfg = config.optim_wrapper = None
    config.val_dataloader = config.val_cfg = config.val_evaluator = None
    config.param_scheduler = None
    with process_group(config):
        runner = Runner.from_cfg(config)
        load_weights(runner.model, args.checkpoint)
        if args.dtype != "float32":
            set_precision(runner.model, args.dtype)
        runner.test()


def read_config(args: argparse.Namespace) -> Config:
    """The config with the overrides of the command line.

    Raises:
        InputError: It is missing or broken.
    """
    if not Path(args.checkpoint).is_file():
        raise InputError(f"{args.checkpoint}: no such checkpoint")
    config = building.read_config(args.config, models="")  # other models can be tested, too
    if args.cfg_options:
        config.merge_from_dict(args.cfg_options)
    config.launcher = args.launcher
    init_default_scope(config.get("default_scope", "mmdet"))
    return config


def evaluators(config: Config) -> list[ConfigDict]:
    """The metrics of `test_evaluator`, one or several."""
    found = config.test_evaluator
    return list(found) if isinstance(found, list | tuple) else [found]


def set_format_only(config: Config) -> None:
    """Makes each metric write its results and stop."""
    for evaluator in evaluators(config):
        evaluator.format_only = True
        evaluator.outfile_prefix = str(Path(config.work_dir, "results"))


def is_track_test(config: Config) -> bool:
    """Whether the evaluator is one track metric, so that results can be kept video by video."""
    kinds = [METRICS.get(evaluator.type) for evaluator in evaluators(config)]
    return len(kinds) == 1 and isinstance(kinds[0], type) and issubclass(kinds[0], TrackMetric)


def set_precision(model: object, dtype: str) -> None:
    """Has the model test in a precision."""
    model = getattr(model, "module", model)
    if not isinstance(model, CLIPVISImage | CLIPVISVideo):
        raise InputError(f"--dtype {dtype} is for CLIP-VIS models; run without it")
    Arithmetic(DTYPES[dtype]).prepare(model)


def identity(config: Config, checkpoint: str, dtype: str) -> dict[str, str]:
    """What a resumed run must share with the killed one; hooks count, because one decides the words."""
    return {
        "config": text_digest(Config({"model": config.model}).pretty_text),
        "dataset": text_digest(Config({"dataset": config.test_dataloader.dataset}).pretty_text),
        "list of hooks": text_digest(Config({"custom_hooks": config.get("custom_hooks", [])}).pretty_text),
        "checkpoint": file_digest(checkpoint),
        "dtype": dtype,
    }


def load_weights(model: object, path: str) -> None:
    """Loads a checkpoint, strictly; official files fit CLIP-VIS models."""
    model = getattr(model, "module", model)
    if isinstance(model, CLIPVISImage | CLIPVISVideo):
        load_checkpoint(model, path)
        return
    state = model_state(read_checkpoint(path), path)
    check_shapes(state, model.state_dict(), path)
    model.load_state_dict(state)


if __name__ == "__main__":
    assert ResumableTestLoop  # registered by its import
    _command.run(main, InputError)
