"""What augmentation draws depends on the place in the stream of samples and on nothing else."""

from __future__ import annotations

import pickle
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.dataset import BaseDataset, ConcatDataset
from torch.utils.data import DataLoader

from clipvis_data.samplers import AspectRatioBatches, EndlessSampler
from clipvis_data.seeding import SeededItems, StreamIndex, seed_generators

relaxed = settings(max_examples=30, deadline=None, derandomize=True)


def draw(record):
    """A pipeline that draws from every generator an augmentation may use."""
    return {"value": record["value"], "draws": (np.random.rand(), random.random(), torch.rand(()))}


class Drawing(SeededItems, BaseDataset):
    """Records 0 to n - 1, of either orientation; an item is what was drawn for it."""

    def __init__(self, size=12):
        self.size = size
        super().__init__(ann_file="", pipeline=[draw], serialize_data=False)

    def load_data_list(self):
        return [{"value": i, "width": 4, "height": 3 + 2 * (i % 3 == 0)} for i in range(self.size)]


def draws_of(items):
    return [(item["value"], *map(float, item["draws"])) for item in items]


@relaxed
@given(st.integers(0, 2**31 - 1), st.lists(st.integers(0, 2**40), min_size=1, max_size=3))
def test_places_differ_and_repeat(seed, place):
    def first_draws(*key):
        seed_generators(*key)
        return np.random.rand(), random.random(), torch.rand(()).item()

    once = first_draws(seed, *place)
    assert first_draws(seed, *place) == once
    others = [(seed + 1, *place), (seed, *place[:-1], place[-1] + 1), (seed, *place, 0)]
    for other in others:
        assert not set(first_draws(*other)) & set(once)


def test_a_plain_index_draws_from_the_generators_as_they_are():
    dataset = Drawing()
    seed_generators(0)
    first = draws_of([dataset[3], dataset[3]])
    assert first[0] != first[1]
    seed_generators(0)
    assert draws_of([dataset[3]]) == first[:1]


@pytest.mark.parametrize("grouped", [False, True])
def test_draws_do_not_depend_on_workers_or_on_where_one_starts(grouped):
    dataset = Drawing()

    def first_batches(count, start=0, workers=0):
        sampler = EndlessSampler(dataset, seed=5)
        if grouped:
            batches = AspectRatioBatches(sampler, 2)
            batches.start = start
            options = {"batch_sampler": batches}
        else:
            sampler.start = 2 * start
            options = {"sampler": sampler, "batch_size": 2}
        loader = iter(DataLoader(dataset, collate_fn=list, num_workers=workers, **options))
        return [draws_of(next(loader)) for _ in range(count)]

    undisturbed = first_batches(20)
    assert first_batches(20, workers=2) == undisturbed
    assert first_batches(15, start=5, workers=1) == undisturbed[5:]
    flat = [sample for batch in undisturbed for sample in batch]
    assert len({sample[1:] for sample in flat}) == len(flat), "a record is drawn anew each pass"


@relaxed
@given(st.integers(1, 4), st.integers(0, 20))
def test_ranks_take_positions_in_turn(world_size, start):
    parts = []
    for rank in range(world_size):
        sampler = EndlessSampler(range(7), seed=3)
        sampler.rank, sampler.world_size, sampler.start = rank, world_size, start
        stream = iter(sampler)
        parts.append([next(stream).position for _ in range(5)])
    positions = [position for step in zip(*parts, strict=True) for position in step]
    assert positions == list(range(start * world_size, (start + 5) * world_size))


def test_an_index_keeps_its_place_on_its_way_to_a_worker():
    index = pickle.loads(pickle.dumps(StreamIndex(4, 7, 100)))
    assert (index, index.seed, index.position) == (4, 7, 100)
    assert type(index - 1) is StreamIndex


def test_concatenated_datasets_are_seeded_too():
    joined = ConcatDataset([Drawing(3), Drawing(5)])
    for index, part, own in ((1, 0, 1), (6, 1, 3)):
        sample = joined[StreamIndex(index, 7, 100)]
        np.random.rand()
        assert draws_of([sample]) == draws_of([joined.datasets[part][StreamIndex(own, 7, 100)]])
