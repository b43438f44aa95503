"""What happens in an EmojiVIS clip: who is where, and how large, in each frame. Nothing is painted here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SceneOptions:
    """How crowded and how restless clips are. Ranges are inclusive; lengths are in pixels.

    Attributes:
        size: (height, width) of a frame.
        length: Frames of a clip.
        objects: Range of the number of objects.
        sprite_size: Range of an object's longer side at its mean size; small ones are as likely as large.
        distractors: Range of the number of shapes that are no emoji: they move and occlude like objects,
            and are never annotated.
        twin_prob: Probability that the last object is of the same category as the first.
        cut_prob: Probability of a cut to another background; the cast changes place, and partly changes.
        blur_prob: Probability of motion blur throughout a clip.
        noise_prob: Probability of sensor noise throughout a clip.
    """

    size: tuple[int, int] = (320, 416)
    length: int = 12
    objects: tuple[int, int] = (5, 7)
    sprite_size: tuple[int, int] = (72, 136)
    distractors: tuple[int, int] = (0, 2)
    twin_prob: float = 0.15
    cut_prob: float = 0.15
    blur_prob: float = 0.3
    noise_prob: float = 0.3


@dataclass(frozen=True)
class Pose:
    """Place of an actor in one frame.

    Attributes:
        centre: (x, y) in pixels.
        size: Side of its square picture in pixels.
        angle: Clockwise turn in radians.
        velocity: (x, y) in pixels a frame.
    """

    centre: tuple[float, float]
    size: float
    angle: float
    velocity: tuple[float, float]


@dataclass(frozen=True)
class Motion:
    """A course around a place: steady drift plus sway to and fro, while size and angle swing, too.

    Attributes:
        centre: (x, y) at time 0 without sway.
        drift: Pixels a frame.
        sway: Reach of the sway in pixels; a large one leaves the frame and comes back.
        rate: Radians a frame of the sway.
        phase: Radians of the sway at time 0, of x and y.
        size: Mean size in pixels.
        swell: Relative reach of the size's swing.
        angle: Mean angle in radians.
        turn: Reach of the angle's swing in radians.
    """

    centre: tuple[float, float]
    drift: tuple[float, float]
    sway: tuple[float, float]
    rate: float
    phase: tuple[float, float]
    size: float
    swell: float
    angle: float
    turn: float

    def pose(self, time: float) -> Pose:
        """The place at a time, in frames."""
        swings = [self.rate * time + phase for phase in self.phase]
        centre = tuple(
            c + d * time + s * math.sin(w)
            for c, d, s, w in zip(self.centre, self.drift, self.sway, swings, strict=True)
        )
        velocity = tuple(d + s * self.rate * math.cos(w) for d, s, w in zip(self.drift, self.sway, swings, strict=True))
        return Pose(
            centre=centre,
            size=self.size * (1 + self.swell * math.sin(swings[0])),
            angle=self.angle + self.turn * math.sin(swings[1]),
            velocity=velocity,
        )


@dataclass(frozen=True)
class Actor:
    """Somebody on stage during one shot.

    Attributes:
        track: Number of the object in the clip, from 0; None for a distractor.
        label: Its category; None for a distractor.
        motion: Its course.
        flip: Whether it is mirrored.
        gain: Factors on red, green and blue.
        look: Seed of a distractor's shape and texture.
    """

    track: int | None
    label: int | None
    motion: Motion
    flip: bool
    gain: tuple[float, float, float]
    look: int


@dataclass(frozen=True)
class Shot:
    """Frames without a cut.

    Attributes:
        start: Its first frame.
        end: One past its last frame.
        actors: From the back to the front.
        look: Seed of the background.
        pan: Movement of the background, in pixels a frame.
    """

    start: int
    end: int
    actors: tuple[Actor, ...]
    look: int
    pan: tuple[float, float]


@dataclass(frozen=True)
class Scene:
    """A clip before it is painted.

    Attributes:
        shots: One or two.
        labels: Category of each track.
        blur: Exposure as a part of the time between frames; 0 is sharp.
        noise: Standard deviation of the sensor noise in grey levels.
    """

    shots: tuple[Shot, ...]
    labels: tuple[int, ...]
    blur: float
    noise: float


def write_scene(rng: np.random.Generator, categories: Sequence[int], options: SceneOptions) -> Scene:
    """Makes up a scene.

    Args:
        rng: Decides everything.
        categories: Categories for the largest possible number of objects; the first ones are used.
        options: How crowded and restless it is.
    """
    number = int(rng.integers(options.objects[0], options.objects[1] + 1))
    labels = list(categories[:number])
    if number > 1 and rng.random() < options.twin_prob:
        labels[-1] = labels[0]
    cut = options.length
    if options.length >= 4 and rng.random() < options.cut_prob:
        cut = int(rng.integers(2, options.length - 1))
    everyone = list(range(number))
    shots = [_shot(rng, everyone, labels, (0, cut), options)]
    if cut < options.length:
        staying = [track for track in everyone if rng.random() < 0.7] or everyone[:1]
        shots.append(_shot(rng, staying, labels, (cut, options.length), options))
    return Scene(
        shots=tuple(shots),
        labels=tuple(labels),
        blur=float(rng.uniform(0.3, 1.0)) if rng.random() < options.blur_prob else 0.0,
        noise=float(rng.uniform(2, 8)) if rng.random() < options.noise_prob else 0.0,
    )


def _shot(
    rng: np.random.Generator, tracks: list[int], labels: Sequence[int], frames: tuple[int, int], options: SceneOptions
) -> Shot:
    strangers = int(rng.integers(options.distractors[0], options.distractors[1] + 1))
    cast: list[int | None] = [*tracks, *[None] * strangers]
    places = _spread_places(rng, len(cast), options.size)
    actors = [
        Actor(
            track=track,
            label=None if track is None else labels[track],
            motion=_motion(rng, place, options),
            flip=bool(rng.random() < 0.5),
            gain=tuple((rng.uniform(0.6, 1.25) * rng.uniform(0.92, 1.08, 3)).tolist()),
            look=_seed(rng),
        )
        for track, place in zip(cast, places, strict=True)
    ]
    order = rng.permutation(len(actors))
    return Shot(
        *frames,
        actors=tuple(actors[i] for i in order),
        look=_seed(rng),
        pan=tuple(rng.normal(0, 0.006 * options.size[0], 2).tolist()),
    )


def _spread_places(rng: np.random.Generator, number: int, size: tuple[int, int]) -> list[tuple[float, float]]:
    """Places (x, y) in a frame, each the loneliest of a few random ones."""
    span = np.array(size[::-1], float)
    places: list[np.ndarray] = []
    for _ in range(number):
        tries = rng.uniform(0.12, 0.88, (6, 2)) * span
        if places:
            gaps = np.linalg.norm(tries[:, None] - np.stack(places), axis=-1).min(axis=1)
            tries = tries[[int(gaps.argmax())]]
        places.append(tries[0])
    return [tuple(place.tolist()) for place in places]


def _motion(rng: np.random.Generator, place: tuple[float, float], options: SceneOptions) -> Motion:
    """A course that is at `place` in the middle of the clip."""
    height = options.size[0]
    low, high = options.sprite_size
    drift = rng.normal(0, 0.012 * height, 2)
    far = rng.random() < 0.2
    reach = rng.uniform(0.5, 0.8) if far else rng.uniform(0.0, 0.2)
    middle = 0.5 * (options.length - 1)
    return Motion(
        centre=tuple((place - drift * middle).tolist()),
        drift=tuple(drift.tolist()),
        sway=tuple((reach * height * rng.uniform(0.2, 1.0, 2)).tolist()),
        rate=float(rng.uniform(0.15, 0.5)),
        phase=tuple(rng.uniform(0, 2 * np.pi, 2).tolist()),
        size=float(low * (high / low) ** rng.random()),
        swell=float(rng.uniform(0, 0.2)),
        angle=float(rng.normal(0, 0.3)),
        turn=float(rng.uniform(0, 0.5)),
    )


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**32))
