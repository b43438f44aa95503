"""Every published run has a config that loads and builds without its dataset."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from mmdet.registry import DATA_SAMPLERS, DATASETS, HOOKS, LOOPS, METRICS, TRANSFORMS
from mmengine.config import Config
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, PARAM_SCHEDULERS
from shapes_only import build_on_meta

import clipvis_train.hooks  # noqa: F401 - registers
from clipvis_data.seeding import SeededItems

ROOT = Path(__file__).resolve().parents[2]
BACKBONES = {"r50": "RN50", "convnext-b": "convnext_base_w_320"}
#: Runs that are trained: the data's class, the decoder's layers.
TRAINED = {
    "configs/image/clipvis_{}_lvis.py": ("LVISInstanceDataset", 6),
    "configs/image/clipvis_{}_coco.py": ("CocoInstanceDataset", 9),
    "configs/video/clipvis_{}_ytvis2019.py": ("VideoInstanceDataset", 9),
}
#: Benchmark -> evaluator; each of the two video models has a config for it.
TESTED = {
    "lvvis": "LVVISTrackMetric",
    "lvvis_test": "LVVISTrackMetric",
    "ytvis2019": "YTVISTrackMetric",
    "ytvis2021": "YTVISTrackMetric",
    "ovis": "OVISTrackMetric",
    "burst": "BURSTTrackMetric",
}
#: What two of them are called for short: the weights' first use.
SHORT = {"lvis_lvvis": "lvis", "ytvis2019_ytvis2019": "ytvis2019"}
PLACES = ("configs/[!_]*/*.py", "projects/*/configs/*.py")
FOUND = sorted(str(path.relative_to(ROOT)) for place in PLACES for path in ROOT.glob(place))
#: Networks of the weights in weights/, without data; `projects/` has the data, training and tests.
SHIPPED = [name for name in FOUND if name.startswith(("configs/emojivis/", "configs/photo_mini/"))]
ALL = [name for name in FOUND if name not in SHIPPED]


def load(name: str) -> Config:
    return Config.fromfile(ROOT / name)


def evaluation_config(backbone: str, weights: str, benchmark: str) -> str:
    end = f"{weights}_{benchmark}"
    return f"configs/video/clipvis_{backbone}_{SHORT.get(end, end)}.py"


@cache
def model_of(text: str) -> object:
    """Models of the same text are built once."""
    return build_on_meta(Config.fromstring(text, ".py"))


@pytest.mark.parametrize("name", ALL)
def test_a_config_builds(name):
    config = load(name)
    model = model_of(Config({"model": config.model}).pretty_text)
    if config.model.type != "ContrastiveCLIP":
        assert model.head.num_layers == config.model.head.query_decoder.num_layers
        assert (model.criterion is not None) == ("criterion" in config.model)
    for phase in ("train", "val", "test"):
        loader = config.get(f"{phase}_dataloader")
        if loader is None:
            continue
        assert DATASETS.get(loader.dataset.type) is not None
        assert DATA_SAMPLERS.get(loader.sampler.type) is not None
        for transform in loader.dataset.get("pipeline", []):
            TRANSFORMS.build(transform)
    for hook in (*config.default_hooks.values(), *config.custom_hooks):
        HOOKS.build(hook)
    if config.test_cfg is not None:
        assert METRICS.build(config.test_evaluator) is not None
        assert LOOPS.get(config.test_cfg.type) is not None
    if "train_cfg" in config:
        constructor = OPTIM_WRAPPER_CONSTRUCTORS.get(config.optim_wrapper.constructor)
        options = {k: v for k, v in config.optim_wrapper.items() if k != "constructor"}
        wrapper = constructor(options)(model)
        schedules = config.param_scheduler
        for schedule in schedules if isinstance(schedules, list) else [schedules]:
            PARAM_SCHEDULERS.build(schedule | {"optimizer": wrapper})


@pytest.mark.parametrize("name", SHIPPED)
def test_a_config_of_shipped_weights_is_a_network_alone(name):
    config = load(name)
    assert model_of(Config({"model": config.model}).pretty_text).head.num_layers == 3
    assert config.inference.short_side < config.inference.max_long_side
    assert not any("dataloader" in key or "hooks" in key or "imports" in key for key in config)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("name", TRAINED)
def test_trained_runs_are_stated_as_published(name, backbone):
    config = load(name.format(backbone))
    dataset, layers = TRAINED[name]
    assert config.model.backbone.model_name == BACKBONES[backbone]
    assert config.model.head.query_decoder.num_layers == layers
    assert config.train_dataloader.dataset.type == dataset
    processes = 8
    assert config.train_dataloader.batch_size * processes == config.auto_scale_lr.base_batch_size
    assert config.auto_scale_lr == {"base_batch_size": 16, "enable": False}
    assert config.optim_wrapper.optimizer.lr == 1e-4
    assert config.train_cfg.max_iters == 368_750
    assert config.train_cfg.val_interval == config.default_hooks.checkpoint.interval == 10_000
    if "lvis" in name:
        assert config.train_dataloader.dataset.drop_frequencies == ("r",)
        assert config.val_evaluator.type == "CLIPVISLVISMetric"


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize(("weights", "layers"), [("lvis", 6), ("ytvis2019", 9)])
@pytest.mark.parametrize("benchmark", TESTED)
def test_both_video_models_have_every_benchmark(backbone, weights, layers, benchmark):
    config = load(evaluation_config(backbone, weights, benchmark))
    assert config.model.backbone.model_name == BACKBONES[backbone]
    assert config.model.head.query_decoder.num_layers == layers
    assert config.test_evaluator.type == TESTED[benchmark]
    dataset = config.test_dataloader.dataset
    assert dataset.vocabulary == benchmark.removesuffix("_test")
    assert dataset.test_mode is True
    assert config.test_evaluator.get("year", 2019) == (2021 if benchmark == "ytvis2021" else 2019)
    assert config.test_evaluator.get("format_only", False) == (
        benchmark not in ("lvvis", "burst")  # the others' annotations are not public
    )
    sizes = dataset.pipeline[0].transforms[1]
    assert (sizes.short_sides, sizes.max_size) == (480, 1333)


@pytest.mark.parametrize("name", [name for name in ALL if load(name).get("train_dataloader")])
def test_a_resumed_run_repeats_the_augmentations(name):
    """Each dataset of the training seeds an item from its place in the stream."""
    for part in leaves(load(name).train_dataloader.dataset):
        assert issubclass(DATASETS.get(part.type), SeededItems)


def leaves(dataset):
    """The datasets that records come from, within those that join or mix."""
    inner = dataset.get("datasets") or ([dataset.dataset] if "dataset" in dataset else [])
    return [leaf for part in inner for leaf in leaves(part)] or [dataset]
