"""docs/guide_lvis_to_lvvis.md, command by command, on a miniature of its data with a miniature of its model."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask
from run_tools import run_tool

from clipvis_data import load_vocabulary

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs/guide_lvis_to_lvvis.md"
#: Lines at the end of config files that make the published network, pictures and schedule small.
SMALLER = {
    "backbones/clip_r50.py": """
clip_backbone["templates"] = ["a photo of a {}."]
""",
    "models/clipvis.py": """
model["head"]["query_decoder"]["num_queries"] = 8
model["head"]["pixel_decoder"]["num_layers"] = 1
model["criterion"]["num_points"] = 64
""",
    "datasets/image_data.py": """
train_pipeline[1]["size"] = (64, 64)
test_pipeline[1]["short_sides"] = 64
train_dataloader.update(num_workers=0, persistent_workers=False)
val_dataloader.update(num_workers=0, persistent_workers=False)
""",
    "datasets/video_data.py": """
train_pipeline[2]["transforms"][1]["short_sides"] = 64
train_dataloader.update(num_workers=0, persistent_workers=False)
test_pipeline[0]["transforms"][1]["short_sides"] = 64
val_dataloader.update(num_workers=0, persistent_workers=False)
""",
    "schedules/adamw_368k.py": """
train_cfg.update(max_iters=2, val_interval=2)
""",
    "default_runtime.py": """
default_hooks["checkpoint"]["interval"] = 1
default_hooks["logger"]["interval"] = 1
""",
}
HEIGHT, WIDTH = 60, 80


def guide_commands() -> list[list[str]]:
    """Every command of the guide's shell blocks, split into words."""
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines() if line.strip()]


def save_picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(path)


def write_lvis(root: Path) -> None:
    vocabulary = load_vocabulary("lvis_v1")
    categories = [
        {"id": c.id, "name": c.name, "frequency": "r" if c.split == "novel" else "f"} for c in vocabulary.categories
    ]
    for split in ("train", "val"):
        images, annotations = [], []
        for i in range(1, 5):
            folder = f"{split}2017/{i:012d}.jpg"
            save_picture(root / "coco" / folder, i)
            images.append(
                {
                    "id": i,
                    "height": HEIGHT,
                    "width": WIDTH,
                    "coco_url": f"http://images.cocodataset.org/{folder}",
                    "neg_category_ids": [],
                    "not_exhaustive_category_ids": [],
                }
            )
            polygon = [10.0, 10.0, 50.0, 10.0, 50.0, 45.0, 10.0, 45.0]
            annotations.append(
                {
                    "id": i,
                    "image_id": i,
                    "category_id": vocabulary.group("base")[i],
                    "bbox": [10.0, 10.0, 40.0, 35.0],
                    "area": 1400.0,
                    "segmentation": [polygon],
                }
            )
        content = {"images": images, "annotations": annotations, "categories": categories}
        path = root / f"lvis/lvis_v1_{split}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))


def write_coco(root: Path) -> None:
    """COCO's jsons over the pictures of LVIS."""
    categories = [{"id": c.id, "name": c.name} for c in load_vocabulary("coco2017").categories]
    for split in ("train2017", "val2017"):
        lvis = json.loads((root / f"lvis/lvis_v1_{split[:-4]}.json").read_text())
        for image in lvis["images"]:
            image["file_name"] = image["coco_url"].rsplit("/", 1)[1]
        for annotation in lvis["annotations"]:
            annotation.update(category_id=1, iscrowd=0)
        path = root / f"coco/annotations/instances_{split}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(lvis | {"categories": categories}))


def write_ytvis(root: Path) -> None:
    """YouTube-VIS's jsons over the videos of LV-VIS."""
    data = json.loads((root / "lvvis/val/val_instances_.json").read_text())
    data["categories"] = [{"id": c.id, "name": c.name} for c in load_vocabulary("ytvis2019").categories]
    for annotation in data["annotations"]:
        annotation.update(category_id=1, bboxes=[[10, 10, 40, 35]] * 2)
    for split, content in (("train", data), ("valid", data | {"annotations": None})):
        (root / f"ytvis2019/{split}").mkdir(parents=True)
        (root / f"ytvis2019/{split}.json").write_text(json.dumps(content))
        shutil.copytree(root / "lvvis/val/JPEGImages", root / f"ytvis2019/{split}/JPEGImages")


def write_lvvis(root: Path) -> None:
    vocabulary = load_vocabulary("lvvis")
    mask = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    mask[10:45, 10:50] = 1
    rle = coco_mask.encode(mask)
    rle["counts"] = rle["counts"].decode()
    videos, annotations = [], []
    for video in range(2):
        names = [f"{video:05d}/{t:05d}.jpg" for t in range(2)]
        for name in names:
            save_picture(root / "val/JPEGImages" / name, video)
            save_picture(root / "test/JPEGImages" / name, video)
        size = {"height": HEIGHT, "width": WIDTH, "length": 2}
        videos.append({"id": video, "file_names": names, **size})
        annotations.append(
            {
                "id": video + 1,
                "video_id": video,
                "category_id": vocabulary.group("novel")[video],
                "iscrowd": 0,
                "segmentations": [rle, rle],
                "areas": [1400, 1400],
                **size,
            }
        )
    categories = [
        {"id": c.id, "name": c.name, "partition": 2 if c.split == "novel" else 1} for c in vocabulary.categories
    ]
    content = {"videos": videos, "annotations": annotations, "categories": categories}
    (root / "val/val_instances_.json").write_text(json.dumps(content))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """The repository's root as the guide sees it, with small data and small configs."""
    folder = tmp_path_factory.mktemp("guide")
    write_lvis(folder / "datasets")
    write_lvvis(folder / "datasets/lvvis")
    save_picture(folder / "park/0.png", 0)
    shutil.copytree(ROOT / "configs", folder / "configs")
    bases = folder / "configs/_base_"
    shutil.copy(bases / "backbones/clip_tiny_random.py", bases / "backbones/clip_r50.py")
    for name, lines in SMALLER.items():
        with (bases / name).open("a") as file:
            file.write(lines)
    return folder


@pytest.fixture
def inside(workplace, monkeypatch):
    """A working directory in which the guide's file names hold."""
    monkeypatch.chdir(workplace)
    monkeypatch.delenv("DETECTRON2_DATASETS", raising=False)
    monkeypatch.setenv("CLIPVIS_CACHE", str(workplace / "cache"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield workplace
    torch.set_num_threads(threads)


def as_one_process(words: list[str]) -> tuple[str, list[str]]:
    """A command's program and its arguments, where the command starts several processes: one's."""
    words = [word for word in words if not re.match(r"[A-Z_]+=", word)]
    program, *rest = words
    if program.endswith("python"):
        program, *rest = rest
    name = Path(program).name
    if name == "dist_train.sh":
        name, rest = "train.py", [rest[0], *rest[2:]]
    elif name == "dist_test.sh":
        name, rest = "test.py", [*rest[:2], *rest[3:]]
    elif name == "slurm_train.sh":
        name, rest = "train.py", [rest[2], "--work-dir", rest[3], *rest[4:]]
    if not torch.cuda.is_available():  # float16 needs a GPU
        rest = [word for word in rest if word != "--amp"]
    return name, ["park" if word == "park.mp4" else word for word in rest]


def parse_only(arguments: list[str], monkeypatch) -> None:
    """Reads a training command as `tools/train.py` does."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import _training
    import train

    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    _training.configure(train.parse_args())


def test_every_command_of_the_guide(inside, monkeypatch, capsys):
    commands = guide_commands()
    assert commands.pop(0) == ["make", "setup"]
    run_dir = inside / "work_dirs/lvis"
    for words in commands:
        name, arguments = as_one_process(words)
        if name == "train.py" and run_dir.exists() and "--resume" not in arguments:
            parse_only(arguments, monkeypatch)  # another way to start the same run
            continue
        if "--resume" in arguments:
            (run_dir / "iter_2.pth").unlink()  # as if it had been killed before
        if name != "train.py" and (run_dir / "iter_2.pth").exists():
            (run_dir / "iter_2.pth").rename(run_dir / "iter_368750.pth")
        code = run_tool(ROOT / "tools", name, *arguments)
        if "check" in arguments:  # nothing is wrong with the files but that they are so small
            faults = [x for x in capsys.readouterr().out.splitlines() if x.startswith("  ")]
            assert len(faults) == 3
            assert all("but the benchmark has" in fault for fault in faults)
        else:
            assert code == 0, words
    check_what_is_there(inside)


def check_what_is_there(folder: Path) -> None:
    """What the guide says its commands leave behind."""
    logs = [path.read_text() for path in sorted((folder / "work_dirs/lvis").glob("*/*.log"))]
    assert "at iteration 1" in logs[1], "the second run resumed"
    for log in logs:
        assert re.search(r"Iter\(val\) \[4/4\] +lvis/AP: [\d.]+", log), "validation in training"
    assert len(list((folder / "work_dirs/lvis/vis/iter_2").glob("*.jpg"))) == 4
    assert len(list((folder / "outputs/lvis_samples").iterdir())) == 4
    numbers, again = (
        json.loads((folder / "work_dirs/lvvis_val" / name).read_text()) for name in ("metrics.json", "METRICS.json")
    )
    assert numbers == again
    assert numbers["groups"].keys() == {"base", "novel"}
    assert (folder / "work_dirs/lvvis_val/charts/precision_recall.png").is_file()
    assert (folder / "work_dirs/lvvis_test/submission.zip").is_file()
    assert not (folder / "work_dirs/lvvis_test/metrics.json").exists()
    assert (folder / "outputs/park/results.json").is_file()


def test_fine_tuning_on_videos_starts_from_the_image_model(inside):
    """The other recipe: COCO, then YouTube-VIS 2019, whose validation set has no public annotations."""
    write_coco(inside / "datasets")
    write_ytvis(inside / "datasets")
    tools = ROOT / "tools"
    run_tool(tools, "train.py", "configs/image/clipvis_r50_coco.py", "--work-dir", "coco")
    run_tool(
        *(tools, "train.py", "configs/video/clipvis_r50_ytvis2019.py", "--work-dir", "ytvis"),
        *("--amp-dtype", "bfloat16", "--cfg-options", "load_from=coco/iter_2.pth"),
    )
    coco, ytvis = ("".join(path.read_text() for path in (inside / name).glob("*/*.log")) for name in ("coco", "ytvis"))
    assert re.search(r"Iter\(val\) \[4/4\] +coco/AP: [\d.]+", coco)
    assert "loaded coco/iter_2.pth" in ytvis
    assert "ytvis2019/AP" not in ytvis
    tracks = json.loads((inside / "ytvis/validation_results.json").read_text())
    assert {track["video_id"] for track in tracks} == {0, 1}
    weights = [torch.load(inside / f"{n}/iter_2.pth", weights_only=True) for n in ("coco", "ytvis")]
    before, after = (entry["state_dict"] for entry in weights)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert all(name.startswith("head.") for name in moved)
