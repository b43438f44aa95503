"""Speed and memory, as JSON: `python tools/benchmark.py KIND ...`.

Each kind lives in `tools/benchmarks/<kind>.py`, which has `add_arguments(parser)` and `run(args) -> dict`.
Every run prints one JSON object with the figures and the machine; `--baseline OLD.json` adds the ratio of each
figure to that of an earlier run.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path

import _command
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.whole_file import write_whole

KINDS = {
    "infer": "the model on a video: time a stage, frames a second, peak memory",
    "batch": "short clips in one batch, beside one command a clip",
    "ask": "features: bytes and milliseconds a frame to keep them, seconds to ask for many words",
    "stages": "one frame through the network: time a stage, beside the published order",
    "eval": "the track-AP evaluator on a generated set: time a phase, peak memory",
    "contrast": "contrast words: seconds to encode them, milliseconds a frame with and without",
    "data": "the training pipelines: images a second on one core",
    "report": "the page of an answer in Chromium: size, time to open, time of each control",
    "train": "one training iteration: time a stage, memory, ratio to the published order",
    "gpu": "all figures of a GPU: speed and memory by model, precision, form and window; training",
}
PACKAGES = ("torch", "triton", "mmcv", "mmdet", "numpy", "pycocotools")


def describe_machine() -> dict:
    """Processor, core count and library versions that figures depend on."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "processor": processor_name(),
        **gpu_facts(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        **versions,
    }


def gpu_facts() -> dict:
    """Name, memory and CUDA version of the GPU, if torch was imported and sees one."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return {}
    facts = torch.cuda.get_device_properties(0)
    return {"gpu": facts.name, "gpu_mib": facts.total_memory // 2**20, "cuda": torch.version.cuda}


def processor_name() -> str:
    """Model name of the processor, or its architecture where the system does not tell."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def ratios(new: dict, old: dict) -> dict:
    """new / old of every number that both have at the same place; nested like the figures."""
    result = {}
    for key in new.keys() & old.keys():
        if isinstance(new[key], dict) and isinstance(old[key], dict):
            result[key] = ratios(new[key], old[key])
        elif isinstance(new[key], int | float) and isinstance(old[key], int | float) and old[key]:
            result[key] = new[key] / old[key]
    return {key: result[key] for key in new if key in result}


def read_baseline(path: str) -> dict:
    """Figures of an earlier run's JSON file."""
    try:
        return json.loads(Path(path).read_text())["figures"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not the output of tools/benchmark.py: {error}") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="kind", required=True)
    for kind, text in KINDS.items():
        command = commands.add_parser(kind, help=text, description=text)
        if kind in sys.argv[1:2]:  # the others need not be imported
            importlib.import_module(f"benchmarks.{kind}").add_arguments(command)
        command.add_argument("--out", help="also write the JSON to this file")
        command.add_argument("--baseline", help="JSON of an earlier run to compare with")
    args = parser.parse_args()
    baseline = read_baseline(args.baseline) if args.baseline else None
    args.save = lambda figures: report(args, figures, baseline)  # for a kind that reports as it goes
    with contextlib.redirect_stdout(sys.stderr):  # mmengine logs on stdout, where the JSON alone belongs
        figures = importlib.import_module(f"benchmarks.{args.kind}").run(args)
    print(report(args, figures, baseline))


def report(args: argparse.Namespace, figures: dict, baseline: dict | None) -> str:
    """The JSON of a run, also written to `--out`, whole or not at all."""
    content = {"kind": args.kind, "machine": describe_machine(), "figures": figures}
    if baseline is not None:
        content["ratio_to_baseline"] = ratios(figures, baseline)
    text = json.dumps(content, indent=1)
    if args.out:
        write_whole(f"{text}\n".encode(), args.out)
    return text


if __name__ == "__main__":
    _command.run(main, InputError)
