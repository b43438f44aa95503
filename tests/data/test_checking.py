"""The dataset checker: silent on sound data, and it finds each of the planted faults."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from builders import image_json, save_picture, video_json, write_images, write_json, write_videos

from clipvis_core.foundation.errors import InputError
from clipvis_data.preparation import check_annotation_file, check_root
from clipvis_data.preparation.layouts import find_image_folder, published_count


def check(root):
    (report,) = check_root(root, processes=1)
    return report


def plant_missing_frame(root, data):
    (root / "JPEGImages" / "video2" / "00001.jpg").unlink()


def plant_wrong_size(root, data):
    save_picture(root / "JPEGImages" / "video2" / "00001.jpg", 32, 50)


def plant_truncated_frame(root, data):
    path = root / "JPEGImages" / "video2" / "00001.jpg"
    path.write_bytes(path.read_bytes()[:-200])


def plant_corrupt_rle(root, data):
    data["annotations"][1]["segmentations"][2]["counts"] = "5o"


def plant_rle_of_another_video(root, data):
    data["annotations"][1]["segmentations"][2]["size"] = [48, 32]


def plant_unknown_video(root, data):
    data["annotations"][1]["video_id"] = 44


def plant_unknown_category(root, data):
    data["annotations"][1]["category_id"] = 44


def plant_duplicate_track(root, data):
    data["annotations"][1]["id"] = data["annotations"][0]["id"]


def plant_duplicate_video(root, data):
    data["videos"][1]["id"] = 1


def plant_wrong_length(root, data):
    data["videos"][1]["length"] = 9


def plant_short_segmentations(root, data):
    data["annotations"][1]["segmentations"].pop()


def plant_escaping_name(root, data):
    data["videos"][1]["file_names"][0] = "../../x.jpg"


def plant_absurd_size(root, data):
    data["videos"][1]["height"] = -3


def plant_flat_polygon(root, data):
    data["annotations"][1]["segmentations"][2] = [[1.0, 2.0, 3.0, 4.0]]


PLANTED = {
    plant_missing_frame: r"video2/00001.jpg: does not exist",
    plant_wrong_size: r"video2/00001.jpg is 32 x 50 .* but its annotation file says 32 x 48",
    plant_truncated_frame: r"video2/00001.jpg cannot be read",
    plant_corrupt_rle: r"annotations\[1\] \(id 3\): segmentations\[2\] has counts that stop",
    plant_rle_of_another_video: r"segmentations\[2\] is 48 x 32 .* must be 32 x 48",
    plant_unknown_video: r"'video_id' is 44, but there is no such video",
    plant_unknown_category: r"'category_id' is 44, but there is no such category",
    plant_duplicate_track: r"annotations\[1\] \(id 2\): the id is already taken",
    plant_duplicate_video: r"videos\[1\] \(id 1\): the id is already taken",
    plant_wrong_length: r"'length' is 9, but there are 4 file_names",
    plant_short_segmentations: r"'segmentations' must be a list of 4 entries",
    plant_escaping_name: r"does not stay inside the data root",
    plant_absurd_size: r"size -3 x 48 is not one of an image",
    plant_flat_polygon: r"segmentations\[2\] has a polygon of under 3 points",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_reported(tmp_path, plant):
    data = video_json()
    write_videos(tmp_path, data)
    plant(tmp_path, data)
    write_json(tmp_path / "instances.json", data)
    faults = check(tmp_path).faults
    assert any(re.search(PLANTED[plant], fault) for fault in faults), faults
    assert not any("\n" in fault for fault in faults)


def test_all_faults_are_reported_at_once(tmp_path):
    data = video_json(num_videos=8)
    write_videos(tmp_path, data)
    for plant in (plant_missing_frame, plant_corrupt_rle, plant_duplicate_track):
        plant(tmp_path, data)
    data["annotations"][8]["category_id"] = 44
    write_json(tmp_path / "instances.json", data)
    assert len(check(tmp_path).faults) == 4


def test_sound_videos_pass(tmp_path):
    write_videos(tmp_path, video_json())
    report = check(tmp_path)
    assert report.faults == []
    assert report.counts == {"videos": 3, "annotations": 6, "categories": 2, "files": 12}
    assert report.images == tmp_path / "JPEGImages"


def test_sound_images_pass_and_damaged_ones_do_not(tmp_path):
    data = image_json()
    write_images(tmp_path, data)
    assert check(tmp_path).faults == []
    data["annotations"][0]["segmentation"] = None
    data["annotations"][-1]["segmentation"]["counts"] = [3]
    write_json(tmp_path / "instances.json", data)
    faults = check(tmp_path).faults
    assert len(faults) == 2
    assert "field 'segmentation' is missing" in faults[0]
    assert "has runs of 3 pixels" in faults[1]


def test_broken_json_is_a_fault_of_its_file(tmp_path):
    write_videos(tmp_path, video_json())
    (tmp_path / "cut.json").write_text('{"videos": [')
    (tmp_path / "other.json").write_text('{"results": []}')
    reports = {report.path.name: report.faults for report in check_root(tmp_path, processes=1)}
    assert set(reports) == {"cut.json", "instances.json"}
    assert "not valid json" in reports["cut.json"][0]


def test_images_nowhere(tmp_path):
    write_json(tmp_path / "instances.json", video_json())
    (fault,) = check(tmp_path).faults
    assert "no folder below" in fault
    assert "video1/00000.jpg" in fault


def test_folders_without_data(tmp_path):
    with pytest.raises(InputError, match="has no annotation json"):
        check_root(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        check_root(tmp_path / "nowhere")


def test_counts_are_compared_with_the_published_ones(tmp_path):
    data = video_json()
    root = tmp_path / "ytvis2019"
    write_videos(root, data, name="valid.json")
    (fault,) = check(root).faults
    assert "has 3 videos, but the benchmark has 302" in fault
    assert published_count(root / "mine.json") is None


def test_the_folder_named_like_the_json_is_preferred(tmp_path):
    for split in ("train", "valid"):
        save_picture(tmp_path / split / "JPEGImages" / "v" / "0.jpg", 8, 8)
        save_picture(tmp_path / split / "v" / "0.jpg", 8, 8)
    found = find_image_folder(tmp_path / "valid.json", tmp_path, ["v/0.jpg"])
    assert found == tmp_path / "valid"


def test_an_explicit_image_folder(tmp_path):
    path = write_videos(tmp_path / "a", video_json())
    path = path.rename(tmp_path / "elsewhere.json")
    report = check_annotation_file(path, images=tmp_path / "a" / "JPEGImages", processes=1)
    assert report.faults == []


@pytest.mark.parametrize("sample", ["davis_vis", "coco_tiny"])
def test_real_samples_pass(reference_dir, sample):
    reports = check_root(reference_dir / "samples" / sample, processes=1)
    assert [fault for report in reports for fault in report.faults] == []
    assert all(report.counts["files"] for report in reports)


def test_command_line(tmp_path, repo_root):
    def run(*arguments):
        command = [sys.executable, str(repo_root / "tools" / "prepare_data.py"), "check", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    data = video_json()
    write_videos(tmp_path, data)
    passed = run(str(tmp_path), "--processes", "1")
    assert passed.returncode == 0, passed.stderr
    assert "1 annotation files, no faults" in passed.stdout
    plant_unknown_category(tmp_path, data)
    write_json(tmp_path / "instances.json", data)
    failed = run(str(tmp_path / "instances.json"), "--processes", "1")
    assert failed.returncode == 1
    assert "'category_id' is 44, but there is no such category" in failed.stdout
    mistake = run(str(tmp_path / "nowhere"))
    assert mistake.returncode == 2
    assert mistake.stderr.startswith("error: ")
    assert mistake.stderr.count("\n") == 1
