"""Memory of a large video json in the main process and in loader workers."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

LENGTH, TRACKS, HEIGHT, WIDTH = 20, 3, 720, 1280


def run(num_videos: int, num_workers: int) -> dict:
    """Writes a generated json, loads it, and reads every record in each worker.

    Args:
        num_videos: Videos of the json, 20 frames and 3 tracks each.
        num_workers: Loader processes.

    Returns:
        MiB of the json, of the stored records, and of private memory (pages no other process
        shares): grown in the main process by loading, and in each worker by reading every record.
    """
    from torch.utils.data import DataLoader

    from clipvis_data.datasets import VideoInstanceDataset

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "instances.json"
        write_json(path, num_videos)
        file_size = path.stat().st_size
        dataset = VideoInstanceDataset(ann_file=str(path), check_files=False)
    reader = RecordReader(dataset)
    loader = DataLoader(reader, batch_size=None, num_workers=num_workers, shuffle=False)
    before: dict[int, int] = {}
    after: dict[int, int] = {}
    for worker, memory in loader:
        before.setdefault(worker, memory)
        after[worker] = memory
    grown = [after[worker] - before[worker] for worker in after]
    return {
        "videos": num_videos,
        "workers": len(after),
        "json_mib": file_size / 2**20,
        "records_mib": dataset.data_bytes.nbytes / 2**20,
        "worker_private_growth_mib": {"mean": sum(grown) / len(grown) / 2**20, "max": max(grown) / 2**20},
    }


class RecordReader:
    """Reads records and gives the worker's number and its private memory."""

    def __init__(self, dataset: object) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[int, int]:
        from torch.utils.data import get_worker_info

        self.dataset.get_data_info(index)
        return get_worker_info().id, private_bytes()


def private_bytes() -> int:
    """Bytes of this process that no other process shares (Linux)."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines[1:])
    return sum(1024 * int(fields[name].split()[0]) for name in ("Private_Clean", "Private_Dirty"))


def write_json(path: Path, num_videos: int) -> None:
    """A YouTube-VIS json whose masks are ellipses, in one of 50 places each."""
    import numpy as np
    from pycocotools import mask as mask_api

    y, x = np.mgrid[:HEIGHT, :WIDTH]
    shapes = []
    for i in range(50):
        inside = ((x - 300 - 12 * i) / 190) ** 2 + ((y - 200 - 6 * i) / 140) ** 2 < 1
        rle = mask_api.encode(np.asfortranarray(inside, dtype=np.uint8))
        shapes.append({"size": [HEIGHT, WIDTH], "counts": rle["counts"].decode()})
    videos, annotations = [], []
    for v in range(num_videos):
        names = [f"{v:05d}/{t:05d}.jpg" for t in range(LENGTH)]
        size = {"height": HEIGHT, "width": WIDTH, "length": LENGTH}
        videos.append({"id": v, "file_names": names, **size})
        for k in range(TRACKS):
            masks = [shapes[(7 * v + 13 * k + t) % 50] for t in range(LENGTH)]
            boxes = [[1, 1, 5, 5]] * LENGTH
            track = {"video_id": v, "category_id": 1, "segmentations": masks, "bboxes": boxes}
            annotations.append({"id": len(annotations), "iscrowd": 0, **track})
    data = {"videos": videos, "annotations": annotations, "categories": [{"id": 1, "name": "a"}]}
    path.write_text(json.dumps(data))
