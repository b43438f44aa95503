"""The track-AP evaluator on a generated set like LV-VIS: CPU time by phase, peak memory.

The evaluation runs in a process of its own, so that making the set does not count.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HEIGHT, WIDTH = 480, 640
TRUTHS_PER_VIDEO = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this kind."""
    parser.add_argument("--videos", type=int, default=200)
    parser.add_argument("--predictions", type=int, default=50, help="a video")
    parser.add_argument("--frames", type=int, default=30, help="a video")
    parser.add_argument("--categories", type=int, default=1196)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--folder", help="keep the set here, and use it again if it is there")


def run(args: argparse.Namespace) -> dict:
    """Makes the set (unless `--folder` has it) and evaluates it in a fresh process."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(args.folder or scratch)
        name = f"{args.videos}x{args.predictions}x{args.frames}x{args.categories}-{args.seed}"
        truth, results = folder / f"gt-{name}.json", folder / f"dt-{name}.json"
        if not results.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_set(truth, results, args)
        command = [sys.executable, __file__, str(truth), str(results)]
        figures = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    size = {key: getattr(args, key) for key in ("videos", "predictions", "frames", "categories")}
    return {"set": size | {"seed": args.seed}, **figures}


def write_set(truth: Path, results: Path, args: argparse.Namespace) -> None:
    """Writes an annotation and a result file of wobbling, moving blobs.

    In each video, half of the predictions follow an object with its category, the others follow an
    object with another category, as a query with several names does, or nothing.
    """
    import numpy as np
    from tqdm import trange

    rng = np.random.default_rng(args.seed)
    annotations = []
    partial = results.with_suffix(".partial")
    with partial.open("w") as file:
        for video in trange(args.videos, desc="making the set", delay=2):
            blobs = [Blob.random(rng) for _ in range(TRUTHS_PER_VIDEO)]
            names = rng.integers(1, args.categories + 1, TRUTHS_PER_VIDEO).tolist()
            for blob, name in zip(blobs, names, strict=True):
                masks, areas = blob.masks(args.frames)
                annotation = {"id": len(annotations) + 1, "video_id": video, "category_id": name}
                annotation |= {"iscrowd": 0, "segmentations": masks, "areas": areas}
                annotations.append(annotation)
            for index in range(args.predictions):
                place = index % TRUTHS_PER_VIDEO
                name, blob, score = names[place], blobs[place], rng.uniform(0, 1)
                if index < args.predictions // 2:
                    blob = blob.jittered(rng, rng.uniform(0.02, 0.3))
                else:
                    name, score = int(rng.integers(1, args.categories + 1)), rng.uniform(0, 1)
                    blob = blob.jittered(rng, 0.05) if index % 2 else Blob.random(rng)
                record = {"video_id": video, "score": float(score), "category_id": name}
                record["segmentations"] = blob.masks(args.frames)[0]
                file.write((", " if video or index else "[") + json.dumps(record))
        file.write("]")
    videos = [{"id": i, "height": HEIGHT, "width": WIDTH, "length": args.frames} for i in range(args.videos)]
    categories = [{"id": i + 1, "name": f"category {i + 1}", "partition": i % 4} for i in range(args.categories)]
    content = {"videos": videos, "categories": categories, "annotations": annotations}
    truth.write_text(json.dumps(content))
    partial.replace(results)


class Blob:
    """A shape without holes, wide about `rx` and high about `ry` pixels, that moves and wobbles."""

    def __init__(self, values: dict[str, float]) -> None:
        self.values = values

    @classmethod
    def random(cls, rng: object) -> Blob:
        """A blob somewhere in the frame."""
        ranges = {"x": (120, 520), "y": (120, 360), "rx": (80, 240), "ry": (50, 160)}
        ranges |= {"vx": (-3, 3), "vy": (-2, 2), "phase": (0, 6.3)}
        return cls({key: float(rng.uniform(*ends)) for key, ends in ranges.items()})

    def jittered(self, rng: object, amount: float) -> Blob:
        """A copy whose place and size are off by about `amount` of its size."""
        v = dict(self.values)
        v["x"] += v["rx"] * rng.normal(0, amount)
        v["y"] += v["ry"] * rng.normal(0, amount)
        v["rx"] *= 1 + rng.normal(0, amount)
        v["ry"] *= 1 + rng.normal(0, amount)
        v["phase"] += rng.normal(0, amount)
        return Blob(v)

    def masks(self, frames: int) -> tuple[list[dict | None], list[int | None]]:
        """Compressed masks and areas of each frame; None where nothing of it is in view."""
        import numpy as np
        from rlemasklib import RLEMask

        v = self.values
        masks, areas = [], []
        columns = np.arange(WIDTH)
        for t in range(frames):
            u = (columns - v["x"] - v["vx"] * t) / v["rx"]
            inside = np.flatnonzero(np.abs(u) < 1)
            u = u[inside]
            half = v["ry"] * np.sqrt(1 - u * u) * (1 + 0.15 * np.sin(17 * u + v["phase"] + 0.2 * t))
            middle = v["y"] + v["vy"] * t + 0.1 * v["ry"] * np.sin(9 * u + v["phase"])
            top = np.clip(np.round(middle - half), 0, HEIGHT).astype(np.int64)
            bottom = np.clip(np.round(middle + half), top, HEIGHT).astype(np.int64)
            starts, ends = inside * HEIGHT + top, inside * HEIGHT + bottom
            kept = ends > starts
            if not kept.any():
                masks.append(None)
                areas.append(None)
                continue
            edges = np.stack([starts[kept], ends[kept]], axis=1).ravel()
            runs = np.diff(np.concatenate([[0], edges, [HEIGHT * WIDTH]])).astype(np.uint32)
            mask = RLEMask.from_counts(runs, shape=(HEIGHT, WIDTH))
            masks.append({"size": [HEIGHT, WIDTH], "counts": mask.to_dict()["counts"].decode()})
            areas.append(int(mask.area()))
        return masks, areas


def measure(truth: str, results: str) -> dict:
    """Evaluates a file pair in this process."""
    import resource
    import time

    started = time.process_time()
    from clipvis_core.foundation.collector import collector_paused
    from clipvis_eval.ground_truth import load_ground_truth
    from clipvis_eval.results_file import iterate_predictions
    from clipvis_eval.rules import rules_for
    from clipvis_eval.track_ap import TrackEvaluator

    imported = time.process_time()
    peak_imported = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with collector_paused():  # from here on as `evaluate_files` does it
        ground_truth = load_ground_truth(truth, "lvvis", rules_for("lvvis", "published"))
        loaded = time.process_time()
        evaluator = TrackEvaluator(ground_truth, benchmark="lvvis", protocol="published")
        for prediction in iterate_predictions(results, ground_truth):
            evaluator.add(prediction)
        read = time.process_time()
        load_seconds = read - loaded - evaluator.seconds["iou"]
        metrics = evaluator.evaluate().metrics
    ended = time.process_time()
    phases = {
        "import": imported - started,
        "load_ground_truth": loaded - imported,
        "load_predictions": load_seconds,
        **evaluator.seconds,
    }
    megabytes = (Path(truth).stat().st_size + Path(results).stat().st_size) / 1e6
    return {
        "json_megabytes": megabytes,
        "cpu_seconds": phases,
        "cpu_seconds_total": ended - imported,
        "cpu_seconds_after_loading": sum(evaluator.seconds.values()),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        "peak_megabytes_after_import": peak_imported / 1000,
        "AP": metrics["AP"],
        "AP50": metrics["AP50"],
        "AR100": metrics["AR100"],
    }


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:3])))
