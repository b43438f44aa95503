"""Drawing tracks: what is touched, what stays, where the labels go."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipvis_core.media import draw_tracks, track_color
from clipvis_core.media.lettering import make_plate, place
from clipvis_core.media.palette import ink_on, luminance

HEIGHT, WIDTH = 180, 320


def disc(x, y, radius):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (rows - y) ** 2 + (columns - x) ** 2 < radius**2


def contrast(first, second) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_colours_of_neighbouring_ids_are_far_apart():
    colours = np.array([[track_color(number) for number in range(10)]], np.uint8)
    lab = cv2.cvtColor(colours.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    for first, second in itertools.combinations(lab, 2):
        assert np.linalg.norm(first - second) > 15


@pytest.mark.parametrize("track_id", [0, 1, 7, 99, 10**9, -3])
def test_text_is_readable_on_every_colour(track_id):
    colour = track_color(track_id)
    assert all(0 <= value <= 255 for value in colour)
    assert contrast(colour, ink_on(colour)) >= 4.5


@pytest.mark.parametrize("level", [0, 128, 255])
def test_mask_gets_its_tint_and_the_rest_stays(level):
    frame = np.full((HEIGHT, WIDTH, 3), level, np.uint8)
    original = frame.copy()
    mask = disc(160, 90, 40)
    drawn = draw_tracks(frame, mask[None], [4], ["dog"], [0.9])
    np.testing.assert_array_equal(frame, original)
    expected = 0.58 * level + 0.42 * np.array(track_color(4))
    np.testing.assert_allclose(drawn[90, 160], expected, atol=1.5)
    np.testing.assert_array_equal(drawn[140:], original[140:])
    np.testing.assert_array_equal(drawn[:, :110], original[:, :110])
    edge = drawn[90, 118:124].astype(int)
    assert np.abs(edge - track_color(4)).sum(axis=1).min() <= 12  # the outline has the full colour


def test_one_colour_for_a_track_whatever_else_is_drawn():
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    first, second = disc(60, 120, 30), disc(250, 120, 30)
    alone = draw_tracks(frame, second[None], [9], ["cat"], [0.5])
    both = draw_tracks(frame, np.stack([first, second]), [3, 9], ["dog", "cat"], [0.9, 0.5])
    np.testing.assert_array_equal(alone[:, 200:], both[:, 200:])


def test_small_masks_lie_on_top_of_large_ones():
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    masks = np.stack([disc(160, 90, 20), disc(160, 90, 80)])
    forth = draw_tracks(frame, masks, [1, 2], ["a", "b"], [0.9, 0.5])
    back = draw_tracks(frame, masks[::-1], [2, 1], ["b", "a"], [0.5, 0.9])
    np.testing.assert_array_equal(forth, back)


def test_nothing_to_draw():
    frame = np.full((HEIGHT, WIDTH, 3), 9, np.uint8)
    np.testing.assert_array_equal(draw_tracks(frame, np.zeros((0, HEIGHT, WIDTH), bool), [], [], []), frame)
    absent = draw_tracks(frame, np.zeros((1, HEIGHT, WIDTH), bool), [1], ["dog"], [0.9])
    np.testing.assert_array_equal(absent, frame)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (9, 200), (14, 60), (200, 5)])
def test_tiny_frames_do_not_break(size):
    frame = np.zeros((*size, 3), np.uint8)
    drawn = draw_tracks(frame, np.ones((1, *size), bool), [1], ["a long category name"], [0.5])
    assert drawn.shape == frame.shape
    assert drawn.any()


@pytest.mark.parametrize("label", ["é", "犬", "Собака", "강아지"])
def test_unicode_labels_have_glyphs_of_their_own(label):
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    mask = disc(160, 120, 30)[None]
    drawn, unknown = (draw_tracks(frame, mask, [1], [text], [0.5]) for text in (label, "?" * len(label)))
    assert (drawn != unknown).any()


@pytest.mark.parametrize("label", ["\N{DOG FACE}", "a\nb\tc", "", "%s {0}", "\ud800"])
def test_odd_labels_degrade_gracefully(label):
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    drawn = draw_tracks(frame, disc(160, 120, 30)[None], [1], [label], [0.5])
    assert drawn[:90].any()  # the plate above the mask


def test_long_text_is_cut_to_the_width():
    plate = make_plate("a very long category name " * 10, 14, 200)
    assert plate.width <= 200
    assert plate.text.endswith("…")
    assert make_plate("dog", 14, 4) is None


def test_labels_of_one_place_are_spread():
    plate = make_plate("dog 0.90", 12, WIDTH)
    taken = []
    for _ in range(6):
        taken.append(place(plate, (100, 60, 180, 120), taken, HEIGHT, WIDTH))
    for first, second in itertools.combinations(taken, 2):
        assert first[2] <= second[0] or second[2] <= first[0] or first[3] <= second[1] or second[3] <= first[1]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    x=st.integers(0, WIDTH - 1),
    y=st.integers(0, HEIGHT - 1),
    width=st.integers(1, WIDTH),
    height=st.integers(1, HEIGHT),
)
def test_labels_stay_inside_the_picture(x, y, width, height):
    plate = make_plate("traffic light 0.52", 14, WIDTH)
    box = (x, y, min(x + width, WIDTH), min(y + height, HEIGHT))
    left, top, right, bottom = place(plate, box, [], HEIGHT, WIDTH)
    assert 0 <= left < right <= WIDTH
    assert 0 <= top < bottom <= HEIGHT


@pytest.mark.parametrize(
    ("masks", "ids", "message"),
    [
        (np.zeros((1, HEIGHT, WIDTH), np.uint8), [1], "masks are uint8"),
        (np.zeros((1, WIDTH, HEIGHT), bool), [1], "masks are bool"),
        (np.zeros((1, HEIGHT, WIDTH), bool), [1, 2], "numbers of masks"),
    ],
)
def test_what_does_not_fit_together(masks, ids, message):
    with pytest.raises(ValueError, match=message):
        draw_tracks(np.zeros((HEIGHT, WIDTH, 3), np.uint8), masks, ids, ["dog"], [0.5])


def test_labels_keep_off_objects_and_off_each_other():
    objects = np.zeros((HEIGHT, WIDTH), bool)
    objects[: HEIGHT // 2] = True
    plate = make_plate("dog 0.90", 12, WIDTH)
    box = (40, 30, 100, HEIGHT // 2)
    left, top, right, bottom = place(plate, box, [], HEIGHT, WIDTH, cv2.integral(objects.astype(np.uint8)))
    assert not objects[top:bottom, left:right].any()
    assert place(plate, box, [(0, 0, WIDTH, HEIGHT)], HEIGHT, WIDTH) is None


def test_a_crowd_gets_no_more_labels_than_can_be_read(monkeypatch):
    drawn = []
    monkeypatch.setattr("clipvis_core.media.lettering.Plate.draw", lambda plate, *_: drawn.append(plate))
    masks = np.stack([disc(20 + 18 * (k % 14), 30 + 90 * (k // 14), 6) for k in range(28)])
    draw_tracks(np.zeros((HEIGHT, WIDTH, 3), np.uint8), masks, range(28), ["a"] * 28, np.linspace(0.9, 0.1, 28))
    assert 1 <= len(drawn) <= 12
    assert drawn[0].text.startswith("#0 ")
