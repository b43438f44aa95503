"""Segments a video, a folder of frames or an image, or many of them; writes files and prints a table."""

from __future__ import annotations

import argparse
import sys
import threading
from contextlib import nullcontext
from pathlib import Path

from clipvis_core.batch.video_task import OutputOptions, VideoTask
from clipvis_core.command_line.batch import is_batch, run_batch
from clipvis_core.command_line.choices import model_spec, output_options, prepare, read_files
from clipvis_core.command_line.export import planned_exports, write_exports
from clipvis_core.command_line.table import print_table
from clipvis_core.command_line.words import words_and_hints
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.program import INTERRUPTED
from clipvis_core.foundation.whole_file import full_disk_in_a_line
from clipvis_core.inference.model_spec import ModelSpec
from clipvis_core.inference.output_folder import RESULTS, default_folder
from clipvis_core.inference.stream_writer import first_interrupt


def infer(args: argparse.Namespace) -> int:
    """Does what the options of `infer_options.parse_args` ask for.

    Returns:
        The exit code: 0; 3 if some of many inputs failed; 130 if somebody pressed Ctrl-C and the results are those of
        the frames or the inputs before.

    Raises:
        InputError: Something the user gave cannot be used.
    """
    prepare(args)
    options = output_options(args)
    spec = model_spec(args, words_and_hints(args))
    if is_batch(args):
        return run_batch(args, spec, options)
    if not args.inputs:
        raise InputError("no input given: name a video, a folder of frames or an image, or many; or give --list")
    return infer_one(args, spec, options)


def infer_one(args: argparse.Namespace, spec: ModelSpec, options: OutputOptions) -> int:
    """Segments one input; see `infer`."""
    task = VideoTask(args.inputs[0], options)
    out_dir = Path(args.out_dir) if args.out_dir else default_folder(task.source.name, task.path)
    exports = planned_exports(args.export, out_dir, kept=not args.live_only, live=task.source.live)
    stopped, cut = threading.Event(), threading.Event()  # by Ctrl-C: the video, and the drawing of it
    with task.folder(out_dir, reads=read_files(args)) as folder, full_disk_in_a_line():
        inferencer = spec.build(is_image=task.is_image)
        score_thr = task.score_thr(inferencer)
        if task.streaming:
            result = task.segment_live(inferencer, folder, stopped)
        else:
            with nullcontext() if task.is_image else first_interrupt(stopped):
                result = task.segment(inferencer, folder, stopped)
        with first_interrupt(cut):
            drawn = task.write(result, folder, score_thr=score_thr, complete=not stopped.is_set(), cut=cut)
    if not options.live_only:
        print_table(drawn, score_thr)
    print(f"wrote {', '.join(sorted(folder.written))} to {out_dir}")
    write_exports(exports, out_dir, all_tracks=args.all_tracks)
    return exit_code(result.num_frames, stopped, cut)


def exit_code(num_frames: int, stopped: threading.Event, cut: threading.Event) -> int:
    """0, or after Ctrl-C `INTERRUPTED` and a line about what that cut short: the video, or the drawing of it."""
    if not (cut.is_set() or stopped.is_set()):
        return 0
    early = f"this is the result of the frames before: {num_frames}"
    whole = f"{RESULTS} is whole, what was drawn ends early"
    print(f"interrupted: {early if stopped.is_set() else whole}", file=sys.stderr)
    return INTERRUPTED
