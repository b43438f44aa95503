"""Producers ahead of us and consumers behind: order, errors, early ends."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from clipvis_core.pipelining import Behind, ahead, mapped


def wait_until(condition) -> bool:
    """Whether a condition comes true within some seconds."""
    end = time.monotonic() + 5
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_the_same_items_in_order():
    assert list(ahead(range(50), depth=3)) == list(range(50))
    assert list(ahead([], depth=1)) == []


def test_a_producer_works_ahead_and_not_further():
    made = []
    items = ahead((made.append(i) or i for i in itertools.count()), depth=3)
    assert next(items) == 0
    assert wait_until(lambda: len(made) == 5)  # one taken, three in the queue, one in hand
    time.sleep(0.05)
    assert len(made) == 5
    items.close()


def test_an_error_comes_after_the_items_before_it():
    def broken():
        yield 1
        raise ValueError("broken at 2")

    items = ahead(broken(), depth=4)
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken at 2"):
        next(items)


def test_leaving_early_closes_the_producer():
    closed = threading.Event()

    def endless():
        try:
            yield from itertools.count()
        finally:
            closed.set()

    def interrupted():
        for item in ahead(endless(), depth=2):
            if item == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert closed.wait(5)


def test_leaving_does_not_wait_for_a_blocked_producer():
    release = threading.Event()

    def blocked():
        yield 0
        release.wait(30)

    items = ahead(blocked(), depth=2)
    assert next(items) == 0
    start = time.monotonic()
    items.close()
    assert time.monotonic() - start < 5
    release.set()


def test_mapped_keeps_order_and_takes_few_items_ahead():
    taken = []

    def items():
        for item in range(20):
            taken.append(item)
            yield item

    results = mapped(lambda item: 2 * item, items(), workers=2)
    assert next(results) == 0
    assert len(taken) == 3
    assert list(results) == list(range(2, 40, 2))


def test_an_error_of_a_mapped_item_is_raised_in_its_place():
    def half(item):
        return 1 / item

    results = mapped(half, [1, 2, 0, 4], workers=2)
    assert [next(results), next(results)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_behind_keeps_order_and_its_distance():
    done, gate = [], threading.Event()
    behind = Behind(depth=2)
    behind.submit(gate.wait)
    behind.submit(done.append, 1)
    late = threading.Thread(target=behind.submit, args=(done.append, 2))
    late.start()
    late.join(0.1)
    assert late.is_alive()  # a third job has to wait
    gate.set()
    late.join(5)
    behind.wait()
    assert done == [1, 2]


def test_an_error_behind_is_raised_in_front():
    behind = Behind(depth=1)
    behind.submit(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        behind.submit(lambda: None)
    behind.submit(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        behind.wait()


def test_a_block_that_raises_ends_after_the_jobs_behind_it():
    done = []

    def slow():
        time.sleep(0.1)
        done.append(1)

    def block():
        with Behind(depth=3) as behind:
            behind.submit(slow)
            behind.submit(slow)
            raise ValueError("in front")

    with pytest.raises(ValueError, match="in front"):
        block()
    assert done == [1, 1]


def test_a_block_waits_for_its_jobs_and_raises_what_they_raise():
    done = []
    with Behind(depth=3) as behind:
        behind.submit(done.append, 1)
    assert done == [1]
    with pytest.raises(ZeroDivisionError), Behind(depth=1) as behind:
        behind.submit(lambda: 1 / 0)
