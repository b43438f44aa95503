"""Each fault of a user's file: exit code 2, one line that names the record and the field."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest

from clipvis_core.foundation.errors import InputError
from clipvis_eval.image_ap import evaluate_images
from clipvis_eval.track_ap import evaluate_files

MASK = {"size": [4, 5], "counts": "1330O03"}


def ground_truth():
    return {
        "videos": [{"id": 3, "height": 4, "width": 5, "length": 2}],
        "categories": [{"id": 1, "name": "a", "partition": 0}],
        "annotations": [{"id": 1, "video_id": 3, "category_id": 1, "segmentations": [MASK, None], "areas": [9, 0]}],
    }


def results():
    record = {"video_id": 3, "category_id": 1, "score": 0.5, "segmentations": [MASK, None]}
    return [copy.deepcopy(record) for _ in range(4)]


def write(folder, gt, dt):
    for name, content in (("gt.json", gt), ("dt.json", dt)):
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text)
    return folder / "gt.json", folder / "dt.json"


def check(folder, gt, dt):
    with pytest.raises(InputError) as caught:
        evaluate_files(*write(folder, gt, dt), benchmark="lvvis")
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600 + 2 * len(str(folder))
    return message


@pytest.fixture(autouse=True)
def valid_mask():
    from pycocotools import mask as coco_mask

    assert coco_mask.decode({"size": [4, 5], "counts": MASK["counts"].encode()}).sum() == 9


RECORD_FAULTS = {
    "score nan": ("score", float("nan"), "score is nan, not a finite number"),
    "score infinite": ("score", float("inf"), "score is inf"),
    "score text": ("score", "0.5", "score is '0.5'"),
    "unknown video": ("video_id", 9, "video_id 9 is not in the annotation file"),
    "video as text": ("video_id", "3", "video_id is '3'"),
    "unknown category": ("category_id", 0, "category_id 0 is not in the annotation file"),
    "category bool": ("category_id", True, "category_id is True"),
    "too short": ("segmentations", [MASK], "segmentations has 1 entries, but video 3 has 2"),
    "too long": ("segmentations", [MASK] * 3, "segmentations has 3 entries"),
    "no list": ("segmentations", None, "segmentations is not a list"),
    "mask number": ("segmentations", [MASK, 5], r"segmentations[1] is a int"),
    "wrong size": (
        "segmentations",
        [None, MASK | {"size": [5, 4]}],
        "segmentations[1] is 5 x 4 (height x width), but must be 4 x 5",
    ),
    "huge size": ("segmentations", [MASK | {"size": [2**20, 2**20]}, None], "segmentations[0] is"),
    "runs too short": ("segmentations", [MASK | {"counts": "13"}, None], "segmentations[0] has"),
    "empty counts": ("segmentations", [MASK | {"counts": ""}, None], "segmentations[0] has empty"),
    "cut code": ("segmentations", [MASK | {"counts": "1313P"}, None], "segmentations[0] has"),
    "no counts": ("segmentations", [{"size": [4, 5]}, None], "segmentations[0] has no 'counts'"),
    "zip counts": ("segmentations", [{"size": [4, 5], "zcounts": "x"}, None], "segmentations[0]"),
}


@pytest.mark.parametrize("fault", RECORD_FAULTS)
def test_a_bad_record_is_named_and_the_others_are_counted(tmp_path, fault):
    field, value, expected = RECORD_FAULTS[fault]
    dt = results()
    for index in (1, 3):
        dt[index][field] = value
    message = check(tmp_path, ground_truth(), dt)
    assert f"dt.json: record 1: {expected}" in message
    assert "(1 more bad)" in message


@pytest.mark.parametrize("field", ["video_id", "category_id", "score", "segmentations"])
def test_a_missing_field_is_named(tmp_path, field):
    dt = results()
    del dt[2][field]
    assert f"record 2: {field} is missing" in check(tmp_path, ground_truth(), dt)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (json.dumps(results())[:-60], "is not valid json (cut short or damaged?)"),
        ("", "is not valid json"),
        ("{}", "is not a list of results"),
        ("[3]", "record 0: is a int, not an object"),
        ("[" * 100_000, "dt.json"),
        ("[" + '{"video_id": ' * 5 + "]", "is not valid json"),
    ],
)
def test_a_file_of_the_wrong_form(tmp_path, text, expected):
    assert expected in check(tmp_path, ground_truth(), text)


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.json: cannot be read: No such file"):
        evaluate_files(tmp_path / "nowhere.json", tmp_path / "x.json", benchmark="lvvis")


TRUTH_FAULTS = {
    "coco file": (lambda t: t.pop("videos"), "has no list 'videos'"),
    "no annotations": (lambda t: t.update(annotations=None), "annotations are not public"),
    "bad length": (
        lambda t: t["videos"][0].update(length=-1),
        "videos[0] (id 3): field 'length' is -1, not a whole number",
    ),
    "huge video": (
        lambda t: t["videos"][0].update(height=10**9),
        "videos[0] (id 3): the size 1000000000 x 5 is not one of an image",
    ),
    "twice": (
        lambda t: t["annotations"].append(t["annotations"][0]),
        "annotations[1] (id 1): the id is already taken by annotations[0]",
    ),
    "other video": (
        lambda t: t["annotations"][0].update(video_id=8),
        "annotations[0] (id 1): 'video_id' is 8, but there is no such video",
    ),
    "nan area": (
        lambda t: t["annotations"][0].update(areas=[float("nan")]),
        "annotations[0] (id 1): areas is not a list",
    ),
    "occlusion": (lambda t: t["annotations"][0].update(occlusion=["some"]), "occlusion has labels"),
    "polygon": (
        lambda t: t["annotations"][0].update(segmentations=[[[1, 2, 3]], None]),
        "annotations[0] (id 1): segmentations[0] has a polygon",
    ),
    "other data set": (lambda t: t["categories"][0].pop("partition"), "is neither base nor novel"),
}


@pytest.mark.parametrize("fault", TRUTH_FAULTS)
def test_a_bad_annotation_file(tmp_path, fault):
    change, expected = TRUTH_FAULTS[fault]
    gt = ground_truth()
    change(gt)
    assert expected in check(tmp_path, gt, results())


def test_records_of_any_layout_are_read_alike(tmp_path, monkeypatch):
    from clipvis_core.foundation import json_files

    monkeypatch.setattr(json_files, "_CHUNK_BYTES", 64)
    records = [
        {"segmentations": [{"counts": "x", "size": [1, 2]}], "score": i, "name": '{"segmentations"'} for i in range(30)
    ]
    for indent in (None, 1):
        path = tmp_path / "r.json"
        path.write_text(json.dumps(records, indent=indent))
        chunks = list(json_files.iterate_records(path))
        assert [record for chunk in chunks for record in chunk] == records
        assert len(chunks) > 5
    path.write_text(json.dumps([{"a": 1}, {"b": 2}, {"a": 3, "c": [{"a": 4}, {"a": 5}]}] * 9))
    chunks = json_files.iterate_records(path)
    assert [record for chunk in chunks for record in chunk] == json.loads(path.read_text())


@pytest.mark.parametrize("kind", ["bad", "good"])
def test_the_command_line(tmp_path, kind):
    dt = results()
    if kind == "bad":
        dt[2]["score"] = float("nan")
    gt, dt = write(tmp_path, ground_truth(), dt)
    tool = Path(__file__).resolve().parents[2] / "tools" / "evaluate.py"
    out = tmp_path / "METRICS.json"
    command = [sys.executable, str(tool), "--benchmark", "lvvis", "--gt", str(gt)]
    command += ["--results", str(dt), "--out", str(out)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if kind == "bad":
        assert process.returncode == 2
        lines = process.stderr.strip().splitlines()
        assert lines[-1].startswith("error: ")
        assert "record 2: score is nan" in lines[-1]
        assert "Traceback" not in process.stderr
        assert not out.exists()
    else:
        assert process.returncode == 0, process.stderr
        metrics = json.loads(out.read_text())
        assert list(metrics["metrics"]) == [
            *("AP", "AP50", "AP75", "APs", "APm", "APl"),
            *("AR1", "AR10", "AR100", "ARs", "ARm", "ARl"),
        ]
        assert metrics["metrics"]["AP"] == pytest.approx(1.0)
        assert metrics["groups"]["novel"]["AP"] is None
        assert metrics["per_category"]["a"]["AP50"] == pytest.approx(1.0)
        assert metrics["protocol"] == "published"


def test_the_command_line_takes_categories_as_one_and_refuses_sizes_of_videos(tmp_path, repo_root, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(repo_root / "tools"))
    import evaluate

    gt, dt = write(tmp_path, ground_truth(), results())
    out = tmp_path / "METRICS.json"
    command = ["evaluate.py", "--benchmark", "lvvis", "--gt", str(gt), "--results", str(dt)]
    monkeypatch.setattr(sys, "argv", [*command, "--class-agnostic", "--out", str(out)])
    evaluate.main()
    assert "class-agnostic" in capsys.readouterr().out
    metrics = json.loads(out.read_text())
    assert metrics["class_agnostic"] is True
    assert list(metrics["per_category"]) == ["any object"]
    monkeypatch.setattr(sys, "argv", [*command, "--min-area", "9"])
    with pytest.raises(InputError, match="--min-area is for lvis and coco"):
        evaluate.main()
    monkeypatch.setattr(sys, "argv", [*command, "--compare", str(out)])
    with pytest.raises(InputError, match="cannot compare class_agnostic True with False"):
        evaluate.main()


def test_image_files(tmp_path):
    gt = {"images": [{"id": 1, "height": 4, "width": 5}], "categories": [{"id": 1, "name": "a"}], "annotations": []}
    dt = [{"image_id": 1, "category_id": 1, "score": 0.5, "segmentation": MASK | {"counts": "1"}}]
    files = write(tmp_path, gt, dt)
    with pytest.raises(InputError, match=r"record 0: segmentation has"):
        evaluate_images(*files, benchmark="coco")
    dt = [{"image_id": 2, "category_id": 1, "score": 0.5, "bbox": [0, 0, 1, 1]}]
    files = write(tmp_path, gt, dt)
    with pytest.raises(InputError, match=r"record 0: image_id 2 is not in"):
        evaluate_images(*files, benchmark="coco")


def test_an_error_from_a_loaders_worker_keeps_its_line_alone():
    told = "Caught InputError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n"
    error = InputError(told + "InputError: image a.jpg does not exist; check data_root\n")
    assert str(error) == "image a.jpg does not exist; check data_root"
