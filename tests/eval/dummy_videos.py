"""A dataset and a model small enough to test tools/test.py with: results follow from video ids."""

from __future__ import annotations

import os
import time
from typing import ClassVar

import torch
from mmdet.registry import DATASETS, MODELS
from mmdet.structures import TrackDataSample
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel
from mmengine.structures import InstanceData

HEIGHT, WIDTH, FRAMES = 8, 10, 3


@DATASETS.register_module()
class DummyVideos(BaseDataset):
    METAINFO: ClassVar = {"classes": ("a", "b"), "category_ids": (1, 2)}

    def __init__(self, num_videos, **kwargs):
        self.num_videos = num_videos
        super().__init__(**kwargs)

    def load_data_list(self):
        # ids descend, so that the order of the dataset is not the order of the file names
        return [{"video_id": 100 - i} for i in range(self.num_videos)]


@MODELS.register_module()
class DummyVideoModel(BaseModel):
    def __init__(self):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs=None, data_samples=None, mode="tensor"):
        raise NotImplementedError

    def test_step(self, data):
        samples = []
        for video in data["video_id"]:
            time.sleep(float(os.environ.get("DUMMY_SECONDS", "0")))
            scores = torch.tensor([video / 200, video / 300]) + self.bias.detach()
            tracks = [[full_rle(video % 7), None, full_rle(3)] for _ in scores]
            sample = TrackDataSample(metainfo={"video_id": video, "video_length": FRAMES})
            sample.pred_tracks = InstanceData(scores=scores, labels=torch.tensor([0, 1]), segmentations=tracks)
            samples.append(sample)
        return samples


def full_rle(start):
    from pycocotools import mask as coco_mask

    runs = [start, 20, HEIGHT * WIDTH - 20 - start]
    return coco_mask.frPyObjects({"size": [HEIGHT, WIDTH], "counts": runs}, HEIGHT, WIDTH)
