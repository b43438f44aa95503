"""The seam: an encoder that is not CLIP, as docs/encoders.md has it, through models, inference and checkpoints."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config

from clipvis_core import InputError
from clipvis_core.checkpoints import describe_layout, load_checkpoint
from clipvis_core.inference import CLIPVISInferencer, build_model
from clipvis_core.models import ConSEEncoder, FrozenCLIP
from clipvis_core.models.criterion import FrameTarget
from clipvis_core.models.encoder import ImageTextEncoder
from clipvis_core.models.encoder_check import check_encoder

ROOT = Path(__file__).resolve().parents[3]
RED, LIME, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture(scope="module")
def examples():
    """Code of docs/encoders.md by the file names it gives."""
    text = (ROOT / "docs/encoders.md").read_text(encoding="utf-8")
    return dict(re.findall(r"```python\n# (\S+)\n(.*?)```", text, re.DOTALL))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, examples):
    """A folder of a user with the example's files; its modules can be imported."""
    folder = tmp_path_factory.mktemp("colours")
    shutil.copytree(ROOT / "configs/_base_", folder / "configs/_base_")
    (folder / "my_configs").mkdir()
    for name, code in examples.items():
        (folder / name).write_text(code)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    MODELS.module_dict.pop("ColourEncoder", None)
    for name in ("colour_encoder", "test_colour_encoder"):
        sys.modules.pop(name, None)


def colour_config(workplace, mode="video") -> Config:
    path = workplace / "my_configs/colours_video.py"
    if mode == "image":
        code = path.read_text().replace("clipvis_video", "clipvis_image")
        path = workplace / "my_configs/colours_image.py"
        path.write_text(code)
    config = Config.fromfile(path)
    config.model.criterion.num_points = 64
    config.model.text = dict(cache_dir=False)
    config.inference.short_side = 64
    return config


def striped(model) -> torch.Tensor:
    """Normalised images `(1, 3, 64, 96)`: a red, a lime and a blue third."""
    colours = torch.tensor([RED, LIME, BLUE]).float()
    image = colours.repeat_interleave(32, dim=0).T[:, None].expand(3, 64, 96)
    return (image - 127.5)[None] / 127.5


def stripes() -> torch.Tensor:
    """Mask logits `(1, 4, 16, 24)`: the three thirds, and nothing."""
    logits = torch.full((1, 4, 16, 24), -1.0)
    for third in range(3):
        logits[0, third, :, 8 * third : 8 * third + 8] = 1
    return logits


def test_the_example_keeps_its_promises(workplace):
    importlib.import_module("test_colour_encoder").test_interface()


@pytest.mark.parametrize("mode", ["image", "video"])
def test_regions_get_the_names_of_their_colours(workplace, mode):
    model = build_model(colour_config(workplace, mode), checkpoint=None)
    model.set_vocabulary([["blue"], ["green", "lime"], ["red"]])
    dense = model.extract_feat(striped(model)).dense
    logits = model.classify(stripes(), dense)
    assert logits.shape == (1, 4, 3)
    assert logits[0, :3].argmax(dim=-1).tolist() == [2, 1, 0]
    torch.testing.assert_close(logits[0, :3].amax(dim=-1), torch.full((3,), 10.0))
    assert not logits[0, 3].any()


def test_a_word_it_cannot_read_is_named(workplace):
    model = build_model(colour_config(workplace), checkpoint=None)
    model.set_vocabulary(["red", "justice"])
    with pytest.raises(InputError, match="'justice' is no colour"):
        model.vocabulary_embedding()


@pytest.mark.parametrize("mode", ["image", "video"])
def test_the_head_trains_on_it(workplace, mode):
    model = build_model(colour_config(workplace, mode), checkpoint=None).train()
    masks = torch.zeros(1, 64, 96, dtype=torch.bool)
    masks[:, :, :32] = True
    losses = model.compute_losses(striped(model), [FrameTarget(masks, torch.zeros(1, dtype=torch.long))])
    sum(losses.values()).backward()
    assert model.head.query_decoder.query_feat.weight.grad.abs().sum() > 0
    assert not any(True for _ in model.backbone.parameters())


@pytest.mark.parametrize(("mode", "frames"), [("image", 1), ("video", 3)])
def test_inference_from_its_own_checkpoint(workplace, tmp_path, mode, frames):
    config = colour_config(workplace, mode)
    model = build_model(config, checkpoint=None)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "colours.pth")
    inferencer = CLIPVISInferencer(config, tmp_path / "colours.pth", vocabulary=["red", "blue"], device="cpu")
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:, :48], picture[:, 48:] = RED, BLUE
    records = list(inferencer([picture] * frames, progress=False).records())
    assert records
    assert {record["category_id"] for record in records} <= {1, 2}


def test_checkpoints_say_what_they_hold(workplace, video_model, tmp_path):
    model = build_model(colour_config(workplace), checkpoint=None)
    path = tmp_path / "colours.pth"
    torch.save({"state_dict": model.state_dict()}, path)
    assert str(load_checkpoint(model, path)) == "colours with 3 decoder layers"
    assert "other than CLIP" in str(describe_layout(model.state_dict()))
    with pytest.raises(InputError, match=r"other than CLIP .* the config builds RN50 with 3"):
        load_checkpoint(video_model, path)
    torch.save({"state_dict": video_model.state_dict()}, path)
    with pytest.raises(InputError, match=r"holds RN50 .* the config builds colours with 3"):
        load_checkpoint(model, path)


@pytest.mark.parametrize("name", ["clip-nano", "convnext_tiny"])
def test_clips_keep_the_promises(name):
    torch.manual_seed(0)
    clip = FrozenCLIP(name, templates=["a photo of a {}."])
    assert clip.family == ("ConvNeXt-B" if "convnext" in name else "RN50")
    check_encoder(clip)


def test_the_classifier_encoder_keeps_the_promises():
    torch.manual_seed(0)
    check_encoder(ConSEEncoder(num_labels=30, embed_dim=8, likeliest=4))


BROKEN = {
    "it leaves the eval mode": "def train(self, mode=True): return torch.nn.Module.train(self, mode)",
    "levels have shapes": "channels = (3, 3, 3, 6)",
    "not finite": "def region_embeddings(self, dense, masks): return "
    "super().region_embeddings(dense, masks) / masks.flatten(2).sum(-1, keepdim=True)",
    "region_embeddings has shape": "embed_dim = 4",
    "not unit vectors": "def encode_text(self, words): return 2 * super().encode_text(words)",
    "depends on the other words": "def encode_text(self, words): return super().encode_text(sorted(words))",
    "depends on its batch": "def forward(self, images): return super().forward(images - images.mean(dim=0))",
    "logit_scale is": "def __init__(self): super().__init__(-1.0)",
    "text_fingerprint": "def text_fingerprint(self): return 'a/b'",
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_promises_are_named(workplace, fault):
    base = importlib.import_module("colour_encoder").ColourEncoder
    names = {"base": base, "torch": torch}
    exec(f"class Broken(base):\n    {BROKEN[fault]}", names)
    with pytest.raises(AssertionError, match=fault):
        check_encoder(names["Broken"](), words=["red", "blue"])


#: Modules that are an encoder or a part of one.
ENCODERS = {
    "clip_backbone", "clip_text", "visual_towers", "frozen_trunks", "tokenizer",
    "conse_encoder", "efficientnet_trunk", "static_text",
}  # fmt: skip
#: What is about one encoder by its nature: registration, the published order of computation.
ABOUT_ONE = ("clipvis_core/models/__init__.py", "benchmarks/published_form.py")
PROMISED = {name for name in dir(ImageTextEncoder) if not name.startswith("_")}


def knowledge(code: str) -> list[str]:
    """Expressions that only someone writes who knows which encoder there is."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("clipvis_core"):
            names = {*node.module.split("."), *(alias.name for alias in node.names)}
            knows = names & (ENCODERS | {"FrozenCLIP", "ConSEEncoder"})
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("backbone"):
            knows = node.attr not in PROMISED | {"is_init"}  # the latter is mmengine's
        else:
            continue
        if knows:
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize(
    "code",
    [
        "model.backbone.clip.visual(images)",
        "self.backbone.tower.pool(dense, masks)",
        "from clipvis_core.models import FrozenCLIP\nisinstance(model.backbone, FrozenCLIP)",
        "from clipvis_core.models.visual_towers import ResNetTower",
    ],
)
def test_the_inspection_sees_who_knows_the_encoder(code):
    assert len(knowledge(code)) == 1


def test_nobody_else_knows_which_encoder_there_is():
    paths = [*ROOT.glob("packages/*/src/**/*.py"), *ROOT.glob("tools/**/*.py")]
    found = {
        str(path.relative_to(ROOT)): faults
        for path in paths
        if path.stem not in ENCODERS
        and not str(path).endswith(ABOUT_ONE)
        and (faults := knowledge(path.read_text(encoding="utf-8")))
    }
    assert not found
