"""Submission zips and BURST's own files."""

from __future__ import annotations

import json
import zipfile

import pytest
from PIL import Image

from clipvis_core.foundation.errors import InputError
from clipvis_data.vocabularies import load_vocabulary
from clipvis_eval.burst_format import write_burst_results
from clipvis_eval.burst_metrics import evaluate_burst
from clipvis_eval.submission import write_submission

MASK = {"size": [4, 5], "counts": "1330O03"}


@pytest.fixture
def files(tmp_path):
    videos = [{"id": i, "height": 4, "width": 5, "length": 2} for i in (1, 2)]
    (tmp_path / "videos.json").write_text(json.dumps({"videos": videos, "annotations": None}))
    novel, base = (load_vocabulary("ytvis2019").group(name)[0] for name in ("novel", "base"))
    records = [
        {"video_id": 1, "category_id": base, "score": 0.9, "segmentations": [MASK, None]},
        {"video_id": 2, "category_id": novel, "score": 0.1, "segmentations": [None, MASK]},
    ]
    (tmp_path / "results.json").write_text(json.dumps(records))
    return tmp_path, records


def write(folder, **options):
    return write_submission(
        folder / "results.json",
        folder / "out.zip",
        **{"benchmark": "ytvis2019", "videos": folder / "videos.json", **options},
    )


def content(folder):
    with zipfile.ZipFile(folder / "out.zip") as archive:
        assert archive.namelist() == ["results.json"]
        return json.loads(archive.read("results.json"))


def test_the_zip_holds_the_results_at_its_root(files):
    folder, records = files
    made = write(folder)
    assert (made.num_videos, made.num_predictions, made.scale) == (2, 2, 1.0)
    assert content(folder) == records


def test_a_test_set_without_a_json_is_its_folder(files):
    folder, records = files
    for name in ("b", "a"):  # ids from 0 in sorted order
        (folder / "videos" / name).mkdir(parents=True)
        for frame in range(2):
            Image.new("RGB", (5, 4)).save(folder / "videos" / name / f"{frame}.png")
    moved = [record | {"video_id": i, "category_id": 1} for i, record in enumerate(records)]
    (folder / "results.json").write_text(json.dumps(moved))
    write(folder, benchmark="lvvis", videos=folder / "videos")
    assert content(folder) == moved
    (folder / "videos/a/1.png").unlink()
    with pytest.raises(InputError, match=r"2 entries, but video 0 has 1 frames"):
        write(folder, benchmark="lvvis", videos=folder / "videos")


def test_groups_and_the_scaling_of_the_server(files):
    folder, records = files
    assert write(folder, group="novel").scale == 40 / 7
    assert content(folder) == records[1:]
    assert write(folder, group="base").scale == 40 / 33
    assert content(folder) == records[:1]
    assert write(folder, group="base", benchmark="ytvis2021").scale == 40 / 34
    with pytest.raises(InputError, match="no group 'novel'"):
        write(folder, group="novel", benchmark="ovis")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda r: r.pop(), "video 2: has no prediction"),
        (lambda r: r.clear(), "has no predictions"),
        (lambda r: r[1].update(category_id=41), "record 1: category_id 41"),
        (lambda r: r[0].update(segmentations=[MASK]), "record 0: segmentations has 1 entries"),
        (lambda r: r[0].update(segmentations=[MASK | {"size": [5, 4]}, None]), "must be 4 x 5"),
    ],
)
def test_a_faulty_submission_is_not_written(files, change, expected):
    folder, records = files
    change(records)
    (folder / "results.json").write_text(json.dumps(records))
    with pytest.raises(InputError, match=expected):
        write(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["results.json", "videos.json"]


def test_too_large_a_zip_is_not_written(files):
    with pytest.raises(InputError, match="over the limit of 10"):
        write(files[0], max_bytes=10)
    assert not (files[0] / "out.zip").exists()


def test_burst_metrics_equal_the_benchmarks_own(reference_dir):
    pytest.importorskip("trackeval")
    folder = reference_dir / "eval_goldens" / "burst_official"
    figures = evaluate_burst(folder / "gt" / "all_classes.json", folder / "pred.json")
    expected = json.loads((folder / "expected_burstapi.json").read_text())
    for part in ("class_guided", "open_world"):
        for metric, groups in expected[part].items():
            percent = {group: 100 * value for group, value in figures[part][metric].items()}
            assert percent == pytest.approx(groups, abs=1e-12, rel=0), (part, metric)


def test_a_result_list_becomes_burst_results(reference_dir, tmp_path):
    pytest.importorskip("trackeval")
    folder = reference_dir / "eval_goldens" / "burst_official"
    expected = json.loads((folder / "pred.json").read_text())
    order = [category["id"] for category in expected["categories"]]
    records = []
    for sequence in expected["sequences"]:
        size = [sequence["height"], sequence["width"]]
        for track, category in sequence["track_category_ids"].items():
            frames = [frame.get(track) for frame in sequence["segmentations"]]
            records.append(
                {
                    "video_id": sequence["id"],
                    "category_id": order.index(category) + 1,
                    "score": next((frame["score"] for frame in frames if frame), 0.0),
                    "segmentations": [f and {"size": size, "counts": f["rle"]} for f in frames],
                }
            )
    (tmp_path / "results.json").write_text(json.dumps(records))
    annotations = folder / "gt" / "all_classes.json"
    write_burst_results(tmp_path / "results.json", annotations, tmp_path / "burst.json")
    made = json.loads((tmp_path / "burst.json").read_text())
    for ours, theirs in zip(made["sequences"], expected["sequences"], strict=True):
        for key in ("id", "seq_name", "dataset", "annotated_image_paths"):
            assert ours[key] == theirs[key]
        assert sorted(ours["track_category_ids"].values()) == sorted(
            c for t, c in theirs["track_category_ids"].items() if any(t in frame for frame in theirs["segmentations"])
        )
    # The same figures, though a track now has one score for all its frames.
    assert (
        evaluate_burst(annotations, tmp_path / "burst.json")["class_guided"]["HOTA"]
        == (evaluate_burst(annotations, folder / "pred.json")["class_guided"]["HOTA"])
    )
