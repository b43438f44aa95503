"""The readers under test: each takes a seed, reads one damaged input, and returns whether it was accepted."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np
from mutations import mutated, mutated_bytes, mutated_text
from pycocotools import mask as mask_api
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.json_files import iterate_records
from clipvis_core.foundation.rle import validate_rle
from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_data.datasets import CocoInstanceDataset, VideoInstanceDataset
from clipvis_data.preparation import burst_to_ytvis, check_annotation_file
from clipvis_eval.burst_format import read_burst_annotations
from clipvis_eval.image_ap import evaluate_images
from clipvis_eval.submission import write_submission
from clipvis_eval.track_ap import evaluate_files
from clipvis_eval.tracks import decode_masks

HEIGHT, WIDTH = 24, 32


class WrongError(Exception):
    """An accepted input gave another result than an independent reader."""


def _rle(seed: int) -> dict:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    generator = random.Random(seed)
    x, y = generator.randrange(WIDTH - 8), generator.randrange(HEIGHT - 8)
    mask[y : y + generator.randint(2, 8), x : x + generator.randint(2, 8)] = 1
    return {"size": [HEIGHT, WIDTH], "counts": mask_api.encode(mask)["counts"].decode()}


def _images(lvis: bool) -> tuple[dict, list]:
    size = {"height": HEIGHT, "width": WIDTH}
    images = [{"id": i, "file_name": f"{i}.jpg", **size} for i in (1, 2)]
    if lvis:
        images = [image | {"neg_category_ids": [2], "not_exhaustive_category_ids": [1]} for image in images]
    categories = [{"id": i, "name": n, "frequency": f} for i, n, f in ((1, "dog", "f"), (2, "cat", "r"))]
    annotations, results = [], []
    for i in range(4):
        owner = {"image_id": 1 + i % 2, "category_id": 1 + i // 3}
        polygon = [[2.0 + i, 3.0, 12.0 + i, 3.0, 12.0 + i, 13.0, 2.0 + i, 13.0]]
        shape = polygon if i % 2 else _rle(i)
        annotations.append(
            {"id": i + 1, **owner, "segmentation": shape, "area": 40.0, "bbox": [2, 3, 9, 9], "iscrowd": int(i == 3)}
        )
        results.append({**owner, "score": 0.9 - i / 10, "segmentation": _rle(i) if i else polygon})
    return {"images": images, "categories": categories, "annotations": annotations}, results


def _videos() -> tuple[dict, list]:
    names = [f"v{t}/{t}.jpg" for t in range(2)]
    videos = [{"id": i, "height": HEIGHT, "width": WIDTH, "length": 2, "file_names": names} for i in (1, 2)]
    annotations, results = [], []
    for i in range(4):
        owner = {"video_id": 1 + i % 2, "category_id": 1 + i // 3}
        masks = [_rle(i), None if i % 2 else _rle(i + 1)]
        boxes = [mask and [1, 2, 3, 4] for mask in masks]
        annotations.append(
            {"id": i + 1, **owner, "segmentations": masks, "bboxes": boxes, "areas": [9, 9], "iscrowd": 0}
        )
        results.append({**owner, "score": 0.9 - i / 10, "segmentations": masks})
    categories = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]
    return {"videos": videos, "categories": categories, "annotations": annotations}, results


def _damaged_pair(truth: dict, results: list, generator: random.Random, folder: Path) -> tuple[Path, Path]:
    if generator.random() < 0.5:
        truth = mutated(truth, generator)
    else:
        results = mutated(results, generator)
    return _written(truth, folder / "gt.json"), _written(results, folder / "results.json")


def _written(content: object, path: Path) -> Path:
    path.write_text(json.dumps(content))
    return path


def coco(generator: random.Random, folder: Path) -> None:
    truth, results = _damaged_pair(*_images(False), generator, folder)
    ours = evaluate_images(truth, results, benchmark="coco", iou_type="segm").metrics["AP"]
    theirs = _pycocotools(truth, results)
    if theirs is not None and abs((-1 if ours is None else ours) - theirs) > 1e-9:
        raise WrongError(f"AP {ours}, pycocotools {theirs}")


def _pycocotools(truth: Path, results: Path) -> float | None:
    """AP, or None where pycocotools gives up, as it does on polygons as results and absent areas."""
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            data = COCO(str(truth))
            records = json.loads(results.read_text())
            for record in records:  # polygons as results: what its authors advise
                if isinstance(record["segmentation"], list):
                    parts = mask_api.frPyObjects(record["segmentation"], HEIGHT, WIDTH)
                    record["segmentation"] = mask_api.merge(parts)
                record.pop("bbox", None)
            evaluation = COCOeval(data, data.loadRes(records), "segm")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        except Exception:
            return None
    return float(evaluation.stats[0])


def lvis(generator: random.Random, folder: Path) -> None:
    evaluate_images(*_damaged_pair(*_images(True), generator, folder), benchmark="lvis")


def tracks(generator: random.Random, folder: Path) -> None:
    evaluate_files(*_damaged_pair(*_videos(), generator, folder), benchmark=generator.choice(("ytvis2019", "ovis")))


def packed(generator: random.Random, folder: Path) -> None:
    """A packed result file with faults in its bytes; what is accepted is what was packed."""
    results = _images(False)[1]
    content, path = json.dumps(results).encode(), folder / generator.choice(("results.json.gz", "results.zip"))
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(content, mtime=0))
    else:
        kind = generator.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
        with zipfile.ZipFile(path, "w", kind) as archive:
            archive.writestr(zipfile.ZipInfo("results.json"), content, kind)
    path.write_bytes(mutated_bytes(path.read_bytes(), generator))
    if list(chain.from_iterable(iterate_records(path))) != results:
        raise WrongError("other results than were packed")


def submission(generator: random.Random, folder: Path) -> None:
    """What a server unpacks is the result list, in the fields that it reads."""
    truth, results = _damaged_pair(*_videos(), generator, folder)
    kinds = {"benchmark": generator.choice(("ytvis2019", "ovis", "lvvis")), "videos": truth}
    write_submission(results, folder / "out.zip", **kinds)
    with zipfile.ZipFile(folder / "out.zip") as archive:
        packed = json.loads(archive.read("results.json"))
    names = ("video_id", "score", "category_id", "segmentations")
    if packed != [{name: record[name] for name in names} for record in json.loads(results.read_text())]:
        raise WrongError("other results than were given")


def rle(generator: random.Random, folder: Path) -> None:
    mask = _rle(generator.randrange(99))
    mask["counts"] = mutated_text(mask["counts"], generator)
    decoded = decode_masks([mask], HEIGHT, WIDTH)[0].to_array()
    if not (decoded == mask_api.decode(validate_rle(mask, HEIGHT, WIDTH))).all():
        raise WrongError("another mask than pycocotools'")


def burst(generator: random.Random, folder: Path) -> None:
    sequence = {
        "id": 1,
        "width": WIDTH,
        "height": HEIGHT,
        "seq_name": "walk",
        "dataset": "HACS",
        "fps": 1,
        "annotated_image_paths": ["frame0001.jpg", "frame0002.jpg"],
        "neg_category_ids": [4],
        "not_exhaustive_category_ids": [],
        "track_category_ids": {"1": 805, "7": 4},
        "segmentations": [{"1": {"rle": _rle(1)["counts"], "score": 0.5}}, {"7": {"rle": _rle(2)["counts"]}}],
    }
    categories = [{"id": 4, "name": "airplane"}, {"id": 805, "name": "person"}]
    data = mutated({"sequences": [sequence], "categories": categories, "split": "val"}, generator)
    path = _written(data, folder / "all_classes.json")
    if generator.random() < 0.5:
        read_burst_annotations(path)
    else:
        burst_to_ytvis(path, folder / "b2y.json")
        VideoInstanceDataset(ann_file=str(folder / "b2y.json"), check_files=False, test_mode=True)


def video_dataset(generator: random.Random, folder: Path) -> None:
    _dataset(VideoInstanceDataset, _videos()[0], generator, folder)


def image_dataset(generator: random.Random, folder: Path) -> None:
    _dataset(CocoInstanceDataset, _images(False)[0], generator, folder)


def _dataset(kind: Callable, data: dict, generator: random.Random, folder: Path) -> None:
    """What training refuses, the checker refuses."""
    path = _written(mutated(data, generator), folder / "instances.json")
    report = check_annotation_file(path, processes=1)
    try:
        kind(ann_file=str(path), check_files=False)
    except InputError:
        known = report is None or report.faults
        if not known:
            raise WrongError("refused by training, not by the checker") from None
        raise


def vocabulary(generator: random.Random, folder: Path) -> None:
    if generator.random() < 0.5:
        categories = [{"id": 1, "name": "dog, old", "synonyms": ["hound"]}, {"id": 2, "name": "caf\u00e9"}]
        path = _written(mutated({"categories": categories}, generator), folder / "words.json")
    else:
        path = folder / "words.txt"
        text = mutated_text("dog, puppy\nchair \\, red\n# no\ncafe\u0301\n", generator)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
    words = Vocabulary.from_file(path)
    if any(letter in word for word in words.synonyms for letter in "\0\ufeff\n"):
        raise WrongError("a word with a mark that nobody sees")


READERS = (coco, lvis, tracks, packed, submission, rle, burst, video_dataset, image_dataset, vocabulary)
JSON_READERS = {reader.__name__: reader for reader in READERS}
