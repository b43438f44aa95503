"""The mmdet metrics of tracks: registered, equal to the evaluation of files."""

from __future__ import annotations

import json

import pytest
import torch
from mmdet.registry import METRICS
from mmdet.structures import TrackDataSample
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

import clipvis_eval.metrics  # noqa: F401 - registers
from clipvis_core.foundation.errors import InputError
from clipvis_eval.track_ap import evaluate_files

CASES = {
    "lvvis_mixed": {"type": "LVVISTrackMetric"},
    "ytvis_mixed": {"type": "YTVISTrackMetric", "year": 2021},
    "ovis_occ": {"type": "OVISTrackMetric"},
    "burst_mixed": {"type": "BURSTTrackMetric", "protocol": "published"},
}


def samples(records, truth):
    """Model outputs, video by video, with the masks as bytes as encoders give them."""
    for video in truth["videos"]:
        mine = [r for r in records if r["video_id"] == video["id"]]
        tracks = [[m and {"size": m["size"], "counts": m["counts"].encode()} for m in r["segmentations"]] for r in mine]
        sample = TrackDataSample(metainfo={"video_id": video["id"], "video_length": video["length"]})
        sample.pred_tracks = InstanceData(
            scores=torch.tensor([r["score"] for r in mine], dtype=torch.float64),
            labels=torch.tensor([r["category_id"] - 1 for r in mine], dtype=torch.long),
            segmentations=tracks,
        )
        yield sample


@pytest.mark.parametrize("class_agnostic", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_metric_equals_the_evaluation_of_files(reference_dir, tmp_path, case, class_agnostic):
    folder = reference_dir / "eval_goldens"
    gt, dt = (folder / f"{case}_{kind}.json" for kind in ("gt", "dt"))
    truth, records = json.loads(gt.read_text()), json.loads(dt.read_text())
    records.sort(key=lambda r: [v["id"] for v in truth["videos"]].index(r["video_id"]))
    (tmp_path / "dt.json").write_text(json.dumps(records))
    config = CASES[case] | {"ann_file": str(gt), "outfile_prefix": str(tmp_path / "out")}
    config["class_agnostic"] = class_agnostic
    evaluator = Evaluator(METRICS.build(config))
    for sample in samples(records, truth):
        evaluator.process(data_samples=[sample], data_batch=None)
    metric = evaluator.metrics[0]
    numbers = evaluator.evaluate(len(truth["videos"]))
    expected = evaluate_files(
        gt, tmp_path / "dt.json", benchmark=metric.benchmark, protocol=metric.protocol, class_agnostic=class_agnostic
    )
    assert metric.evaluate_file(tmp_path / "dt.json").metrics == expected.metrics
    for name, value in expected.metrics.items():
        assert numbers.get(f"{metric.benchmark}/{name}") == value
    for group, values in expected.groups.items():
        assert numbers.get(f"{metric.benchmark}/AP_{group}") == values["AP"]
    assert json.loads((tmp_path / "out.json").read_text()) == records


def test_format_only_writes_and_does_not_evaluate(tmp_path):
    prefix = str(tmp_path / "new" / "results")
    evaluator = Evaluator(METRICS.build({"type": "OVISTrackMetric", "format_only": True, "outfile_prefix": prefix}))
    video = {"id": 4, "length": 1}
    mask = {"size": [4, 5], "counts": "1330O03"}
    record = {"video_id": 4, "score": 0.5, "category_id": 7, "segmentations": [mask]}
    evaluator.process(data_samples=list(samples([record], {"videos": [video]})), data_batch=None)
    assert evaluator.evaluate(1) == {}
    assert json.loads((tmp_path / "new/results.json").read_text()) == [record]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"type": "OVISTrackMetric", "format_only": True}, "needs outfile_prefix"),
        ({"type": "YTVISTrackMetric", "year": 2022, "ann_file": "x"}, "2019 or 2021"),
        ({"type": "TrackMetric", "benchmark": "mot", "ann_file": "x"}, "no benchmark 'mot'"),
        ({"type": "LVVISTrackMetric", "protocol": "new", "ann_file": "x"}, "no protocol 'new'"),
    ],
)
def test_arguments_that_do_not_fit_are_named(config, expected):
    with pytest.raises(InputError, match=expected):
        METRICS.build(config)


def test_ground_truth_comes_from_the_config_or_the_dataset():
    metric = METRICS.build({"type": "OVISTrackMetric"})
    with pytest.raises(InputError, match="no ground truth to evaluate with"):
        metric.check_ground_truth()
    metric.dataset_meta = {"ann_file": "val.json"}
    assert metric.ann_file == "val.json"
    metric = METRICS.build({"type": "OVISTrackMetric", "ann_file": "mine.json"})
    metric.dataset_meta = {"ann_file": "val.json"}
    assert metric.ann_file == "mine.json"
