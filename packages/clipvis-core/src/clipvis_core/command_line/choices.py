"""What the options of the command line choose: a model, and what is written."""

from __future__ import annotations

import argparse

from clipvis_core.batch.video_task import OutputOptions
from clipvis_core.command_line.infer_options import ALWAYS, NEVER
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.program import plain_messages
from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.inference.asking import MOST_FEATURE_BYTES
from clipvis_core.inference.model_spec import ModelSpec
from clipvis_core.media.cut import Cut, parse_time
from clipvis_core.text.contrast import AUTO, NONE
from clipvis_core.tracking import LiveRule

_MODEL_OPTIONS = (
    "device",
    "dtype",
    "compile",
    "cuda_graphs",
    "short_side",
    "topk",
    "num_memory",
    "num_match",
    "window",
    "reuse_within",
)


def prepare(args: argparse.Namespace) -> None:
    """Messages of one line each, and a look at what can be wrong with scores."""
    plain_messages()
    if args.score_thr is not None and not 0 <= args.score_thr <= 1:
        raise InputError(f"--score-thr {args.score_thr:g}: scores go from 0 to 1, so give a number in between")


def contrast_choice(args: argparse.Namespace) -> str:
    """The contrast words that are asked for; by default, the benchmarks' lists are compared as published."""
    if args.contrast is not None:
        return args.contrast
    return NONE if args.vocabulary is not None else AUTO


def model_spec(args: argparse.Namespace, vocabulary: Vocabulary) -> ModelSpec:
    """The model that the command line asks for."""
    options = {name: getattr(args, name) for name in _MODEL_OPTIONS} | {"contrast": contrast_choice(args)}
    return ModelSpec(vocabulary, args.model, args.config, args.checkpoint, options)


def output_options(args: argparse.Namespace) -> OutputOptions:
    """What is taken of an input, and written.

    Raises:
        InputError: An option has a value that it cannot have, or two of them exclude each other.
    """
    return OutputOptions(
        cut=_cut(args),
        allow_truncated=args.allow_truncated,
        score_thr=args.score_thr,
        all_tracks=args.all_tracks,
        draw=not args.no_video,
        report=not args.no_report,
        masks=args.masks,
        features=args.keep_features != NEVER,
        most_feature_bytes=None if args.keep_features == ALWAYS else MOST_FEATURE_BYTES,
        stream=args.stream,
        live=_live_rule(args),
        live_only=args.live_only,
    )


def read_files(args: argparse.Namespace) -> list[str]:
    """Files that a run reads besides its input."""
    return [path for path in (args.checkpoint, args.config, args.classes_file, args.vocabulary) if path]


def _cut(args: argparse.Namespace) -> Cut:
    times = {}
    for name in ("start", "end"):
        text = getattr(args, name)
        try:
            if text is not None:
                times[name] = parse_time(text)
        except ValueError:
            raise InputError(f"--{name} {text}: give seconds, as 90.5, or HH:MM:SS, as 00:01:30.5") from None
    if args.stride is not None:
        times["stride"] = args.stride
    return Cut(**times, rate=args.fps)


def _live_rule(args: argparse.Namespace) -> LiveRule | None:
    """When tracks start and end in frames.jsonl, if the command line says so."""
    if args.live_start is None and args.live_patience is None and not args.live_only:
        return None
    given = {"start_score": args.live_start, "patience": args.live_patience}
    try:
        return LiveRule(**{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise InputError(f"--live-start, --live-patience: {error}") from None
