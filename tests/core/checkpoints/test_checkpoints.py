"""Files from strangers, names, and strict loading."""

from __future__ import annotations

import os
import pickle

import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import load_checkpoint as mmengine_load_checkpoint
from safetensors.torch import save_file

from clipvis_core import InputError
from clipvis_core.checkpoints import (
    Layout,
    describe_layout,
    is_official,
    load_checkpoint,
    model_state,
    official_file,
    our_file,
    read_checkpoint,
    to_current,
    to_official,
    to_ours,
    write_checkpoint,
    write_weights,
)

QUERIES = "head.query_decoder.query_feat.weight"


@pytest.fixture(scope="module")
def state(video_model):
    return {name: tensor.clone() for name, tensor in video_model.state_dict().items()}


def saved(tmp_path, content, name="checkpoint.pth"):
    path = tmp_path / name
    torch.save(content, path)
    return path


def test_names_there_and_back(state):
    official = to_official(state)
    assert is_official(official)
    assert not is_official(state)
    assert describe_layout(official) == describe_layout(state) == Layout("RN50", 3)
    back = to_ours(official)
    assert back.keys() == state.keys()
    assert all(back[name] is state[name] for name in state)


EARLIER = {
    "head.query_feat.weight": "head.query_decoder.query_feat.weight",
    "head.iou_embed.4.bias": "head.query_decoder.iou_head.4.bias",
    "head.pixel_decoder.level_encoding.weight": "head.pixel_decoder.level_embed.weight",
    "head.pixel_decoder.lateral_convs.0.gn.weight": "head.pixel_decoder.lateral_conv.gn.weight",
    "head.pixel_decoder.encoder.layers.5.norms.1.bias": "head.pixel_decoder.layers.5.norm2.bias",
    "head.pixel_decoder.encoder.layers.0.ffn.layers.0.0.bias": "head.pixel_decoder.layers.0.ffn.0.bias",
    "head.transformer_decoder.layers.2.cross_attn.attn.in_proj_weight": (
        "head.query_decoder.layers.2.cross_attention.in_proj_weight"
    ),
    "head.transformer_decoder.layers.2.norms.2.weight": "head.query_decoder.layers.2.norm3.weight",
    "head.transformer_decoder.post_norm.bias": "head.query_decoder.norm.bias",
}


def test_earlier_names_are_renamed(state, earlier_names):
    earlier = earlier_names(state)
    assert not EARLIER.keys() - earlier.keys()
    assert {name: next(iter(to_current({name: None}))) for name in EARLIER} == EARLIER
    back = to_current(earlier)
    assert list(back) == list(state) == list(to_current(state))
    assert all(back[name] is state[name] for name in state)


def test_files_with_earlier_names_load(video_model, state, earlier_names, tmp_path):
    """Ours, and whoever else loads them: mmengine's runner, which resumes a run."""
    changed = earlier_names({name: tensor + 1 for name, tensor in state.items()})
    path = saved(tmp_path, {"state_dict": changed})
    loaders = [
        lambda: load_checkpoint(video_model, path),
        lambda: video_model.load_state_dict(changed),
        lambda: mmengine_load_checkpoint(video_model, str(path), strict=True),
    ]
    for load in loaders:
        try:
            load()
            assert all(torch.equal(tensor, state[name] + 1) for name, tensor in video_model.state_dict().items())
        finally:
            video_model.load_state_dict(state)
    official = official_file({"state_dict": changed}, path)["model"]
    assert all(torch.equal(official[name], tensor + 1) for name, tensor in to_official(state).items() if "head" in name)


def test_both_layouts_load(video_model, state, tmp_path):
    for content in (
        {"state_dict": state},
        {"model": to_official(state), "optimizer": {"state": {}}, "iteration": 3},
        to_official(state),
    ):
        assert load_checkpoint(video_model, saved(tmp_path, content)) == Layout("RN50", 3)


def test_entries_beside_the_weights_survive_both_ways(state):
    official = {"model": to_official(state), "optimizer": {"state": {0: torch.ones(2)}}, "iteration": 7}
    back = official_file(our_file(official, "a"), "b")
    assert back.keys() == official.keys()
    assert back["iteration"] == 7
    assert all(torch.equal(back["model"][name], tensor) for name, tensor in official["model"].items())


def test_loading_forgets_encoded_words(video_model, state, tmp_path):
    rows = video_model.vocabulary_embedding().rows
    other = {**state, "backbone.clip.text_projection": state["backbone.clip.text_projection"].roll(1, 0)}
    load_checkpoint(video_model, saved(tmp_path, {"state_dict": other}))
    assert not torch.allclose(video_model.vocabulary_embedding().rows, rows)
    video_model.load_state_dict(state)
    torch.testing.assert_close(video_model.vocabulary_embedding().rows, rows)


def test_another_depth_names_the_config_that_fits(repo_root, video_model, state, tmp_path):
    layer = "head.query_decoder.layers."
    deeper = dict(state)
    for name, tensor in state.items():
        if name.startswith(f"{layer}0."):
            deeper |= {name.replace(f"{layer}0.", f"{layer}{depth}."): tensor for depth in range(3, 6)}
    with pytest.raises(InputError, match=r"6 decoder layers, but the config builds .* 3 .*: use configs/") as error:
        load_checkpoint(video_model, saved(tmp_path, {"state_dict": deeper}))
    assert (repo_root / str(error.value).split()[-1]).is_file()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda state: state.pop("head.query_decoder.query_feat.weight"),
            "1 missing: head.query_decoder.query_feat.weight",
        ),
        (lambda state: state.update(extra=torch.ones(1)), "1 unexpected: extra"),
        (
            lambda state: state.update({"head.query_decoder.query_feat.weight": torch.ones(100, 256)}),
            r"head.query_decoder.query_feat.weight \(100, 256\) instead of \(20, 256\)",
        ),
        *(
            (
                lambda state, change=change: state.update({QUERIES: change(state[QUERIES])}),
                f"1 {words}: {QUERIES}",
            )
            for change, words in (
                (lambda weight: weight * float("nan"), "with nan or infinite numbers"),
                (lambda weight: weight.half() + float("inf"), "with nan or infinite numbers"),
                (lambda weight: weight + 0j, "of another kind of numbers"),
                (lambda weight: weight > 0, "of another kind of numbers"),
                (lambda weight: weight.to(torch.int8), "of another kind of numbers"),
            )
        ),
        (lambda state: state.update({QUERIES: state[QUERIES].to_sparse()}), "which is no plain tensor"),
        (lambda state: state.update({QUERIES: state[QUERIES].to("meta")}), "which is no plain tensor"),
    ],
)
def test_entries_that_do_not_fit_are_listed(video_model, state, tmp_path, change, message):
    altered = dict(state)
    change(altered)
    with pytest.raises(InputError, match=message):
        load_checkpoint(video_model, saved(tmp_path, {"state_dict": altered}))


def test_unknown_official_names(state):
    official = {**to_official(state), "sem_seg_head.predictor.class_embed.weight": torch.ones(1)}
    with pytest.raises(InputError, match=r"class_embed\.weight"):
        to_ours(official)


def test_changed_constant(state):
    with pytest.raises(InputError, match="should be"):
        to_ours({**to_official(state), "criterion.empty_object_weight": torch.tensor([1.0, 0.1])})


class Malicious:
    """Runs a command when it is unpickled by a loader that allows it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_code_in_a_file_is_not_run(tmp_path):
    path, proof = tmp_path / "evil.pth", tmp_path / "executed"
    for save in (torch.save, lambda content, target: target.write_bytes(pickle.dumps(content))):
        save({"model": Malicious(proof)}, path)
        with pytest.raises(InputError, match="nothing else is loaded"):
            read_checkpoint(path)
    assert not proof.exists()


class Attribute:
    """Asks for an attribute that leads out of the plain data."""

    def __reduce__(self):
        return getattr, (HistoryBuffer, "__init__")


def test_attributes_beyond_the_history_are_blocked(tmp_path):
    with pytest.raises(InputError, match="'__init__'"):
        read_checkpoint(saved(tmp_path, {"model": Attribute()}))


def test_what_the_runner_writes_is_readable(tmp_path, state):
    history = HistoryBuffer()
    history.update(0.5)
    content = {"state_dict": state, "message_hub": {"log_scalars": {"loss": history}}, "meta": {"iter": 1}}
    assert model_state(read_checkpoint(saved(tmp_path, content))).keys() == state.keys()


def test_reading_leaves_the_runners_own_loading_intact(tmp_path):
    history = HistoryBuffer()
    history.update(0.5)
    path = saved(tmp_path, {"message_hub": {"loss": history}})
    read_checkpoint(path)
    assert torch.load(path, weights_only=True)["message_hub"]["loss"].mean() == 0.5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n<!DOCTYPE html><html>", "is a web page"),
        (b"PK\x03\x04 cut off", "damaged or no PyTorch checkpoint|no checkpoint of tensors"),
        (b"just text", "damaged or no PyTorch checkpoint|no checkpoint of tensors"),
    ],
)
def test_files_that_are_no_checkpoint(tmp_path, content, message):
    path = tmp_path / "file.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_checkpoint(path)
    assert "\n" not in str(error.value)


def test_truncated_checkpoint(tmp_path, state):
    path = saved(tmp_path, {"state_dict": state})
    path.write_bytes(path.read_bytes()[: 2**20])
    with pytest.raises(InputError, match="damaged"):
        read_checkpoint(path)


def test_missing_folder_and_wrong_content(tmp_path):
    with pytest.raises(InputError, match="cannot read the checkpoint"):
        read_checkpoint(tmp_path / "none.pth")
    with pytest.raises(InputError, match="is a folder"):
        read_checkpoint(tmp_path)
    with pytest.raises(InputError, match="holds a Tensor"):
        read_checkpoint(saved(tmp_path, torch.ones(2)))
    with pytest.raises(InputError, match="a dict of tensors is expected"):
        model_state(read_checkpoint(saved(tmp_path, {"model": {"epoch": 3}})))
    with pytest.raises(InputError, match="not the weights of a CLIP-VIS model"):
        describe_layout({"conv1.weight": torch.ones(1)})


def test_writing_leaves_nothing_half_done(tmp_path):
    with pytest.raises(InputError, match="cannot write"):
        write_checkpoint({}, tmp_path / "missing" / "out.pth")
    with pytest.raises(InputError, match="is a folder"):
        write_checkpoint({}, tmp_path)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        write_checkpoint({"model": lambda: None}, tmp_path / "out.pth")
    assert list(tmp_path.iterdir()) == []


def test_weights_go_out_and_come_back_in_half_precision(video_model, state, tmp_path):
    path = tmp_path / "weights.safetensors"
    write_weights(state, path, meta={"config": "configs/here.py"})
    content = read_checkpoint(path)
    assert content["meta"]["config"] == "configs/here.py"
    for name, tensor in content["state_dict"].items():
        if state[name].is_floating_point():
            assert tensor.dtype == torch.float16
            assert torch.equal(tensor, state[name].half())
        else:
            assert torch.equal(tensor, state[name])
    assert load_checkpoint(video_model, path) == Layout("RN50", 3)
    assert {p.dtype for p in video_model.parameters()} == {torch.float32}
    video_model.load_state_dict(state)


def test_the_same_weights_are_the_same_bytes(tmp_path):
    state = {"b": torch.arange(3), "a": torch.rand(2, 3)}
    facts = {name: f"{name} ä é" for name in "qwertz"}
    contents = set()
    for _ in range(6):
        write_weights(state, tmp_path / "weights.safetensors", meta=facts)
        contents.add((tmp_path / "weights.safetensors").read_bytes())
    assert len(contents) == 1
    read = read_checkpoint(tmp_path / "weights.safetensors")
    assert read["meta"] == {"format": "pt", **facts}
    assert torch.equal(read["state_dict"]["b"], state["b"])
    assert torch.equal(read["state_dict"]["a"], state["a"].half())


@pytest.mark.parametrize("content", [b"\x08\0\0\0\0\0\0\0{}", b"\xff" * 100])
def test_damaged_weights_are_named(tmp_path, content):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content[:-1])
    with pytest.raises(InputError, match=r"weights\.safetensors is damaged"):
        read_checkpoint(path)


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_a_flipped_byte_of_weights_is_noticed(tmp_path, place):
    """Safetensors has no checksum of its own; ours is among the facts."""
    path = tmp_path / "weights.safetensors"
    write_weights({"weight": torch.rand(64, 64)}, path, dtype=torch.float32)
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="tensors differ from their checksum; fetch it again"):
        read_checkpoint(path)
    assert read_checkpoint(path, sums=False)["state_dict"]["weight"].shape == (64, 64)


def test_weights_of_other_programs_need_no_checksum(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"weight": torch.ones(2)}, path)
    assert torch.equal(read_checkpoint(path)["state_dict"]["weight"], torch.ones(2))


def test_weights_need_their_suffix(tmp_path):
    with pytest.raises(InputError, match="safetensors"):
        write_weights({}, tmp_path / "weights.pth")
    assert not list(tmp_path.iterdir())


def test_a_flipped_byte_is_noticed(tmp_path, state):
    path = saved(tmp_path, {"state_dict": state})
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="wrong checksum in"):
        read_checkpoint(path)
    assert read_checkpoint(path, sums=False)


class Detector:
    """What a file of another framework holds: an object of its own."""


@pytest.mark.parametrize(
    "content", [b"just words\n" * 9, b"PK\x03\x04" + bytes(99), b"\x80\x02}q\x00X", b"ctorch\n", bytes(80)]
)
@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_bytes_that_are_no_checkpoint(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as error:
        read_checkpoint(tmp_path / name)
    assert len(str(error.value).replace(str(tmp_path), "")) < 300


def test_files_of_other_systems_are_told_to_be_none_of_ours(tmp_path, state):
    with pytest.raises(InputError, match=r"none of ours .*: it holds objects of [\w.]*Detector$") as error:
        read_checkpoint(saved(tmp_path, {"model": Detector()}))
    assert "add_safe_globals" not in str(error.value)
    official = {name: tensor for name, tensor in to_official(state).items() if "object_embed" not in name}
    with pytest.raises(InputError, match="another system, such as Mask2Former"):
        describe_layout(official)
