"""Samplers: the published streams, sharding, and finding one's place again."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from clipvis_data.samplers import AspectRatioBatches, EndlessSampler, RepeatFactorSampler, repeat_factors, seek

relaxed = settings(max_examples=40, deadline=None, derandomize=True)


class Labelled:
    """A dataset of labels and sizes; an item is its index."""

    def __init__(self, labels, sizes=None):
        self.labels = labels
        self.sizes = sizes or [(4, 3)] * len(labels)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return index

    def get_cat_ids(self, index):
        return self.labels[index]

    def get_data_info(self, index):
        return {"width": self.sizes[index][0], "height": self.sizes[index][1]}


@pytest.fixture(scope="module")
def golden(reference_dir):
    return json.loads((reference_dir / "loader_goldens" / "sampler.json").read_text())


def as_rank(monkeypatch, rank, world_size):
    monkeypatch.setattr("clipvis_data.samplers.endless.get_dist_info", lambda: (rank, world_size))


@pytest.mark.parametrize("case", range(3))
def test_repeat_factor_stream_is_the_published_one(golden, case, monkeypatch):
    labels, expected = golden["categories_per_image"], golden["cases"][case]
    arguments = {"threshold": expected["threshold"], "seed": expected["seed"]}
    sampler = RepeatFactorSampler(Labelled(labels), **arguments)
    assert sampler.factors.dtype == torch.float32
    np.testing.assert_array_equal(sampler.factors, np.float32(expected["repeat_factors"]))
    stream = expected["stream"]
    assert list(itertools.islice(sampler, len(stream))) == stream
    generator = torch.Generator()
    generator.manual_seed(expected["seed"])
    lengths = []
    for _ in expected["first_epoch_lengths"]:
        lengths.append(len(sampler.epoch(generator)))
        torch.randperm(lengths[-1], generator=generator)
    assert lengths == expected["first_epoch_lengths"]
    for rank, indices in enumerate(expected["ranks_of_2"]):
        as_rank(monkeypatch, rank, 2)
        own = RepeatFactorSampler(Labelled(labels), **arguments)
        assert list(itertools.islice(own, len(indices))) == indices


def test_plain_stream_is_the_published_one(golden):
    expected = golden["training_sampler"]
    sampler = EndlessSampler(range(expected["size"]), seed=expected["seed"])
    assert list(itertools.islice(sampler, len(expected["stream"]))) == expected["stream"]


def test_worked_factors():
    """The example of the specification: N = 1000, t = 0.01."""
    labels = [[] for _ in range(1000)]
    for label, count in enumerate((1, 2, 4, 10)):
        for image in range(count):
            labels[100 * label + image] = [label, label]
    factors = repeat_factors(labels, 0.01)
    assert factors[[0, 100, 200, 300, 999]].tolist() == pytest.approx([3.162, 2.236, 1.581, 1, 1], abs=1e-3)


def test_factors_round_up_as_often_as_their_fraction_says():
    sampler = RepeatFactorSampler(Labelled([[0], *[[1]] * 9]), threshold=0.6, seed=0)
    assert sampler.factors[0] == pytest.approx(6**0.5)
    generator = torch.Generator()
    generator.manual_seed(0)
    copies = [int((sampler.epoch(generator) == 0).sum()) for _ in range(2000)]
    assert set(copies) == {2, 3}
    assert np.mean(copies) == pytest.approx(6**0.5, abs=0.03)


@relaxed
@given(st.integers(1, 30), st.integers(0, 99), st.integers(0, 70), st.integers(1, 4))
def test_a_position_is_enough_to_go_on(size, seed, consumed, world_size):
    sampler = EndlessSampler(range(size), seed=seed)
    sampler.world_size = world_size
    undisturbed = list(itertools.islice(sampler, consumed + 20))
    sampler.start = consumed
    assert list(itertools.islice(sampler, 20)) == undisturbed[consumed:]


@relaxed
@given(st.integers(1, 20), st.integers(0, 99), st.integers(1, 4))
def test_ranks_share_each_pass_out_between_them(size, seed, world_size):
    parts = []
    for rank in range(world_size):
        sampler = EndlessSampler(range(size), seed=seed)
        sampler.rank, sampler.world_size = rank, world_size
        parts.append(list(itertools.islice(sampler, size)))
    together = [index for step in zip(*parts, strict=True) for index in step]
    for one_pass in range(world_size):
        assert sorted(together[one_pass * size : (one_pass + 1) * size]) == list(range(size))


@relaxed
@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=12),
    st.integers(1, 4),
    st.integers(0, 15),
)
def test_batches_hold_one_orientation_and_resume(sizes, batch_size, consumed):
    dataset = Labelled([[]] * len(sizes), sizes)
    batches = AspectRatioBatches(EndlessSampler(dataset, seed=3), batch_size)
    undisturbed = list(itertools.islice(batches, consumed + 6))
    for batch in undisturbed:
        assert len(batch) == batch_size
        assert len({sizes[index][0] > sizes[index][1] for index in batch}) == 1
    batches.start = consumed
    assert list(itertools.islice(batches, 6)) == undisturbed[consumed:]


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("workers", [0, 2])
def test_seeking_a_loader(grouped, workers):
    dataset = Labelled([[]] * 7, [(4, 3), (3, 4)] * 3 + [(4, 3)])

    def loader():
        sampler = EndlessSampler(dataset, seed=5)
        if grouped:
            batches = AspectRatioBatches(sampler, 2)
            return DataLoader(dataset, batch_sampler=batches, num_workers=workers)
        return DataLoader(dataset, sampler=sampler, batch_size=2, num_workers=workers)

    undisturbed = [batch.tolist() for batch in itertools.islice(loader(), 9)]
    resumed = loader()
    seek(resumed, 4)
    assert [batch.tolist() for batch in itertools.islice(resumed, 5)] == undisturbed[4:]


def test_a_loader_without_a_position_is_refused():
    with pytest.raises(TypeError, match="SequentialSampler has no position"):
        seek(DataLoader(range(3)), 1)


def test_wrong_construction_is_refused():
    with pytest.raises(TypeError, match="needs an EndlessSampler"):
        AspectRatioBatches(range(3), 2)
    with pytest.raises(ValueError, match="batch_size is 0"):
        AspectRatioBatches(EndlessSampler(Labelled([[]]), seed=0), 0)
