"""tools/calibrate.py: what a score means, on answers whose truth is known, and the program on two photos."""

from __future__ import annotations

import json
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from clipvis_core.media import open_frames


@pytest.fixture
def calibrate():
    import _calibration

    return _calibration


def answers(calibrate, count=4000):
    """Tracks that are right as often as a known calibration says."""
    chance = np.random.default_rng(0)
    features = chance.normal(size=(count, 5)) * [2, 3, 1, 1, 2]
    scores = 1 / (1 + np.exp(-(features @ [0.4, 0.2, 0.6, 0.8, 0.5] - 1)))
    return calibrate.Answers(features, scores, chance.random(count) < scores)


def test_a_fit_finds_the_calibration_that_made_the_answers(calibrate):
    fitted = calibrate.logistic(answers(calibrate))
    found = [fitted.contrast, fitted.objectness, fitted.iou, fitted.quality, fitted.fit, fitted.offset]
    assert found == pytest.approx([0.4, 0.2, 0.6, 0.8, 0.5, -1.0], abs=0.15)


def test_answers_that_are_all_wrong_cannot_be_fitted(calibrate):
    known = answers(calibrate, 5)
    with pytest.raises(calibrate.InputError, match="take more photos"):
        calibrate.logistic(calibrate.Answers(known.features, known.scores, np.zeros(5, bool)))


def test_the_error_is_the_mean_distance_of_score_and_share(calibrate):
    scores = np.array([0.05, 0.05, 0.75, 0.75, 1.0])
    right = np.array([False, True, True, True, True])
    assert calibrate.calibration_error(scores, right) == pytest.approx((2 * 0.45 + 2 * 0.25 + 0) / 5)
    rows = calibrate.reliability(scores, right)
    assert [(low, count) for low, _, _, _, count in rows] == [(0.0, 2), (0.7, 2), (0.9, 1)]
    known = answers(calibrate)
    assert calibrate.calibration_error(known.scores, known.right) < 0.03
    assert "| 0.7 to 0.8 | 2 | 0.75 | 1.00 |" in calibrate.reliability_table(calibrate.Answers(None, scores, right))


def test_limits_refuse_and_keep(calibrate):
    def single(leads, scores, hits, found):
        return calibrate.Single(np.array(leads), np.array(scores), np.array(hits, dtype=bool), found)

    tried = [
        single([-3.0, 1.0], [0.9, 0.4], [True, False], True),  # its object is refused where the lead may be 2
        single([0.5], [0.6], [True], True),
        single([0.5], [0.6], [True], False),  # not found without contrast words: does not count
        single([-5.0], [0.9], [False], None),
        single([4.0], [0.3], [False], None),
    ]
    assert calibrate.kept_and_refused(tried, 2.0, 0.2) == (0.5, 0.5)
    assert calibrate.kept_and_refused(tried, 4.0, 0.5) == (1.0, 1.0)
    assert calibrate.kept_and_refused(tried, 0.0, 0.7) == (0.0, 1.0)


def test_the_highest_threshold_that_costs_nearly_nothing_is_chosen(calibrate):
    def single(lead, score, found):
        return calibrate.Single(np.array([lead]), np.array([score]), np.array([found is not None]), found)

    present = [single(1.0, 0.31, True)] * 99 + [single(1.0, 0.12, True)]
    absent = [single(-3.0, 0.4, None)] * 10
    assert calibrate.choose_limits(present + absent, (0.1, 0.3, 0.5)) == (0.0, 0.3)
    assert calibrate.choose_limits(present + absent, (0.1,)) == (0.0, 0.1)
    hopeless = [single(5.0, 0.9, None)] * 10
    assert calibrate.choose_limits(present + hopeless, (0.1, 0.3, 0.5)) == (0.0, 0.5)


@pytest.fixture
def photos(repo_root, tmp_path):
    """Two frames of the demo clip with a box for the car."""
    images, objects = [], []
    for number, frame in enumerate(islice(open_frames(repo_root / "assets/street.mp4"), 0, 20, 12), start=1):
        Image.fromarray(frame).save(tmp_path / f"{number}.png")
        height, width = frame.shape[:2]
        images.append({"id": number, "file_name": f"{number}.png", "height": height, "width": width})
        box = [[200.0, 120.0, 420.0, 120.0, 420.0, 280.0, 200.0, 280.0]]
        objects.append({"id": number, "image_id": number, "category_id": 1, "segmentation": box, "iscrowd": 0})
    names = ["car", "banana", "zebra", "piano", "spoon"]
    categories = [{"id": place, "name": name} for place, name in enumerate(names, start=1)]
    content = {"images": images, "annotations": objects, "categories": categories}
    path = tmp_path / "photos.json"
    path.write_text(json.dumps(content))
    return path


def test_measure_prints_every_figure(program, repo_root, photos, tmp_path):
    weights = repo_root / "weights/photo_mini.safetensors"
    given = ["measure", weights, photos, tmp_path, "--absent", "2", "--out", tmp_path / "diagram.png"]
    code, stdout, _ = program("calibrate.py", *given)
    assert code == 0
    assert "2 photos; of 4 absent words" in stdout
    assert "still found" in stdout
    assert "| score shown | tracks | mean score | right |" in stdout
    assert Image.open(tmp_path / "diagram.png").size > (300, 300)
    code, _, stderr = program("calibrate.py", *given[:4], "--part", "7/8")
    assert code == 2
    assert "has no photo for --part 7/8" in stderr
