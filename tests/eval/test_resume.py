"""A killed and resumed run of tools/test.py ends with the same file; other stores are refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.folder_lock import FolderLock
from clipvis_eval.running import ResultStore

pytestmark = pytest.mark.slow

VIDEOS = 6
CONFIG = """
custom_imports = dict(
    imports=["dummy_videos", "clipvis_eval.metrics", "clipvis_eval.running"],
    allow_failed_imports=False,
)
default_scope = "mmdet"
model = dict(type="DummyVideoModel")
test_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(type="DummyVideos", num_videos=6),
)
test_evaluator = dict(type="LVVISTrackMetric", ann_file={ann_file!r})
"""


@pytest.fixture
def setup(tmp_path):
    full = {"size": [8, 10], "counts": [0, 80]}
    ann_file = tmp_path / "gt.json"
    videos = [{"id": 100 - i, "height": 8, "width": 10, "length": 3} for i in range(VIDEOS)]
    truth = {"id": 1, "video_id": 100, "category_id": 1, "iscrowd": 0, "areas": [80, 80, 80]}
    ann_file.write_text(
        json.dumps(
            {
                "videos": videos,
                "categories": [{"id": 1, "name": "a", "partition": 0}],
                "annotations": [truth | {"segmentations": [full] * 3}],
            }
        )
    )
    content = json.loads(ann_file.read_text())
    content["categories"].append({"id": 2, "name": "b", "partition": 2})
    ann_file.write_text(json.dumps(content))
    config = tmp_path / "config.py"
    config.write_text(CONFIG.format(ann_file=str(ann_file)))
    torch.save({"state_dict": {"bias": torch.zeros(1)}}, tmp_path / "weights.pth")
    return tmp_path


def start(folder, work_dir, *options, seconds=0.0):
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"DUMMY_SECONDS": str(seconds)}
    paths = [str(Path(__file__).parent), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    command = [sys.executable, str(root / "tools/test.py"), str(folder / "config.py")]
    command += [str(folder / "weights.pth"), "--work-dir", str(folder / work_dir), *options]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    output, errors = process.communicate(timeout=240)
    return process.returncode, output, errors


def test_a_killed_run_resumes_to_the_same_file(setup):
    code, output, errors = finish(start(setup, "whole"))
    assert code == 0, errors
    expected = (setup / "whole" / "results.json").read_bytes()
    assert len(json.loads(expected)) == 2 * VIDEOS
    metrics = json.loads((setup / "whole" / "metrics.json").read_text())
    assert metrics["metrics"]["AP"] == 0.0

    process = start(setup, "killed", seconds=0.5)
    store = setup / "killed" / "store"
    deadline = time.monotonic() + 120
    while len(list(store.glob("[0-9]*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    finished = {path.name: path.stat().st_mtime_ns for path in store.glob("[0-9]*.json")}
    assert 2 <= len(finished) < VIDEOS
    assert not (setup / "killed" / "results.json").exists()

    code, output, errors = finish(start(setup, "killed", "--resume"))
    assert code == 0, errors
    assert f"{len(finished)} of {VIDEOS} videos are already done" in output + errors
    assert (setup / "killed" / "results.json").read_bytes() == expected
    assert {name: (store / name).stat().st_mtime_ns for name in finished} == finished


@pytest.mark.parametrize("hooks", [[], [{"type": "EMAHook"}]])
def test_the_weights_given_are_the_ones_tested(setup, run_program, hooks):
    """Not those that the config starts training from, nor a mean of them."""
    torch.save({"state_dict": {"bias": torch.full((1,), 5.0)}}, setup / "start.pth")
    torch.save({"state_dict": {"bias": torch.full((1,), 0.25)}}, setup / "weights.pth")
    config = setup / "config.py"
    config.write_text(f"{config.read_text()}load_from = {str(setup / 'start.pth')!r}\ncustom_hooks = {hooks!r}\n")
    code, _, errors = run_program("tools/test.py", config, setup / "weights.pth", "--work-dir", setup / "out")
    assert code == 0, errors
    scores = {record["score"] for record in json.loads((setup / "out/results.json").read_text())}
    assert max(scores) == pytest.approx(0.25 + 100 / 200)


def test_the_store_joins_videos_in_the_given_order(tmp_path):
    store = ResultStore(tmp_path / "store", {"config": "1"}, resume=False)
    store.write(7, [{"video_id": 7}, {"video_id": 7}])
    store.write(3, [])
    store.write(12, [{"video_id": 12}])
    assert store.finished() == {3, 7, 12}
    store.merge(tmp_path / "all.json", [12, 3, 7])
    records = json.loads((tmp_path / "all.json").read_text())
    assert [record["video_id"] for record in records] == [12, 7, 7]
    with pytest.raises(InputError, match="video 4 is not finished"):
        store.merge(tmp_path / "all.json", [4])
    assert len(list(tmp_path.iterdir())) == 2  # nothing half-written is left


def test_another_runs_store_is_refused_by_name(tmp_path):
    first = ResultStore(tmp_path, {"config": "1", "checkpoint": "a", "dataset": "d"}, resume=False)
    first.write(1, [])
    with pytest.raises(InputError, match="another checkpoint and another dataset"):
        ResultStore(tmp_path, {"config": "1", "checkpoint": "b", "dataset": "e"}, resume=True)
    again = ResultStore(tmp_path, {"config": "2", "checkpoint": "b", "dataset": "e"}, resume=False)
    assert again.finished() == set()


def test_a_store_has_one_writer_and_merges_only_its_own(tmp_path):
    (tmp_path / "store").mkdir()
    held = FolderLock(tmp_path / "store", "wait for it")
    with pytest.raises(InputError, match=r"another run is writing to .*store: wait for it"):
        FolderLock(tmp_path / "store", "wait for it")
    held.close()
    store = ResultStore(tmp_path / "store", {"config": "1"}, resume=False)
    store.write(1, [])
    ResultStore(tmp_path / "store", {"config": "2"}, resume=False).write(1, [])
    with pytest.raises(InputError, match=r"was made with another config"):
        store.merge(tmp_path / "results.json", [1])
