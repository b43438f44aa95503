"""Painting an EmojiVIS scene: frames, and who is seen at each pixel."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from .backgrounds import FAMILIES, paint
from .scenes import Actor, Pose, Scene, SceneOptions, Shot
from .sprites import CELL

NOBODY = 0
"""Value of the owner map at background and distractors; track k has k + 1."""

Stage = Callable[[np.random.Generator, int, int], np.ndarray]
"""Makes a background, (height, width, 3) uint8 RGB."""


def paint_scene(
    scene: Scene, sprites: np.ndarray, stage: Stage, options: SceneOptions, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Paints all frames of a scene.

    Actors are laid over one another from the back to the front. A pixel belongs to the frontmost actor whose
    alpha, after scaling, turning and blurring, is above one half there.

    Args:
        scene: What happens.
        sprites: (K, 96, 96, 4) uint8, one picture a category, from `load_sprites`.
        stage: Makes backgrounds.
        options: Size and length of the clip.
        seed: Of the sensor noise.

    Returns:
        Frames (T, H, W, 3) uint8 RGB, and owners (T, H, W) uint8: `NOBODY`, or track number + 1.
    """
    frames = np.empty((options.length, *options.size, 3), np.uint8)
    owners = np.zeros((options.length, *options.size), np.uint8)
    for shot in scene.shots:
        backdrop = _Backdrop(shot, stage, options.size)
        for t in range(shot.start, shot.end):
            frames[t] = backdrop.frame(t)
        _paint_shot(shot, sprites, scene.blur, frames, owners)
    if scene.noise:
        _add_noise(frames, scene.noise, np.random.default_rng(seed))
    return frames, owners


def paint_over(frames: np.ndarray, scene: Scene, sprites: np.ndarray) -> np.ndarray:
    """Paints the actors of a scene over the frames of a video, in place; the scene's backgrounds are not used.

    Args:
        frames: (T, H, W, 3) uint8 RGB.
        scene: What happens, in T frames of H x W pixels.
        sprites: As in `paint_scene`.

    Returns:
        Owners (T, H, W) uint8, as in `paint_scene`.
    """
    owners = np.zeros(frames.shape[:3], np.uint8)
    for shot in scene.shots:
        _paint_shot(shot, sprites, scene.blur, frames, owners)
    return owners


def _paint_shot(shot: Shot, sprites: np.ndarray, blur: float, frames: np.ndarray, owners: np.ndarray) -> None:
    """Lays the actors of a shot over its frames, in place."""
    for actor in shot.actors:
        picture = _picture(actor, sprites)
        owner = NOBODY if actor.track is None else actor.track + 1
        for t in range(shot.start, shot.end):
            _lay_over(frames[t], owners[t], picture, actor.motion.pose(t), blur, owner)


class _Backdrop:
    """A background larger than the frame, of which a moving part is seen."""

    def __init__(self, shot: Shot, stage: Stage, size: tuple[int, int]) -> None:
        self.size = size
        self.start = shot.start
        ways = [step * (shot.end - shot.start - 1) for step in shot.pan[::-1]]
        self.steps = shot.pan[::-1]
        self.first = [max(0.0, -way) for way in ways]
        larger = [side + math.ceil(abs(way)) for side, way in zip(size, ways, strict=True)]
        self.picture = stage(np.random.default_rng(shot.look), *larger)

    def frame(self, t: int) -> np.ndarray:
        """The part seen at a time."""
        y, x = (round(first + step * (t - self.start)) for first, step in zip(self.first, self.steps, strict=True))
        return self.picture[y : y + self.size[0], x : x + self.size[1]]


def _picture(actor: Actor, sprites: np.ndarray) -> np.ndarray:
    """An actor's picture in its light: (96, 96, 4) uint8, RGB times alpha."""
    picture = _shape(actor.look) if actor.label is None else sprites[actor.label]
    if actor.flip:
        picture = picture[:, ::-1]
    lit = cv2.multiply(np.ascontiguousarray(picture), (*actor.gain, 1.0))
    alpha = lit[..., 3]
    return cv2.min(lit, cv2.merge([alpha] * 4))  # light shows no more than the shape covers


def _shape(seed: int) -> np.ndarray:
    """A distractor: a textured polygon or ellipse, (96, 96, 4) uint8, RGB times alpha."""
    rng = np.random.default_rng(seed)
    alpha = np.zeros((CELL, CELL), np.uint8)
    middle = (CELL // 2, CELL // 2)
    if rng.random() < 0.4:
        axes = (rng.uniform(0.2, 0.48, 2) * CELL).astype(int).tolist()
        cv2.ellipse(alpha, middle, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    else:
        number = int(rng.integers(3, 9))
        angles = (np.arange(number) + rng.uniform(0, 0.7, number)) * (2 * np.pi / number)
        reach = rng.uniform(0.25, 0.48, number) * CELL
        corners = middle + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        cv2.fillPoly(alpha, [corners.round().astype(np.int32)], 255, cv2.LINE_AA)
    family = list(FAMILIES)[int(rng.integers(len(FAMILIES)))]
    colours = cv2.multiply(paint(family, rng, CELL, CELL), cv2.merge([alpha] * 3), scale=1 / 255)
    return np.dstack([colours, alpha])


def _lay_over(canvas: np.ndarray, owners: np.ndarray, picture: np.ndarray, pose: Pose, blur: float, owner: int) -> None:
    """Lays one actor over a frame, in place."""
    smear = [blur * speed for speed in pose.velocity]
    reach = 0.5 * pose.size * (abs(math.cos(pose.angle)) + abs(math.sin(pose.angle)))
    x0, y0 = (max(0, math.floor(c - reach - abs(s))) for c, s in zip(pose.centre, smear, strict=True))
    x1, y1 = (
        min(side, math.ceil(c + reach + abs(s)))
        for c, s, side in zip(pose.centre, smear, owners.shape[::-1], strict=True)
    )
    if x0 >= x1 or y0 >= y1:
        return
    patch = _warp(picture, pose, (x0, y0, x1, y1))
    if math.hypot(*smear) > 1:
        patch = _smeared(patch, smear)
    alpha = patch[..., 3]
    part = canvas[y0:y1, x0:x1]
    behind = cv2.multiply(part, cv2.merge([255 - alpha] * 3), scale=1 / 255)
    cv2.add(behind, np.ascontiguousarray(patch[..., :3]), dst=behind)
    part[:] = behind
    owners[y0:y1, x0:x1][alpha > 127] = owner


def _warp(picture: np.ndarray, pose: Pose, box: tuple[int, int, int, int]) -> np.ndarray:
    """A picture scaled, turned and moved to its place, as far as it falls into a box of the frame."""
    if pose.size < 0.6 * len(picture):  # bilinear sampling would skip pixels
        half = len(picture) // 2
        picture = cv2.resize(picture, (half, half), interpolation=cv2.INTER_AREA)
    scale = pose.size / len(picture)
    cos, sin = scale * math.cos(pose.angle), scale * math.sin(pose.angle)
    middle = 0.5 * (len(picture) - 1)
    x, y = pose.centre[0] - 0.5 - box[0], pose.centre[1] - 0.5 - box[1]
    matrix = np.array([[cos, -sin, x - middle * (cos - sin)], [sin, cos, y - middle * (sin + cos)]])
    return cv2.warpAffine(picture, matrix, (box[2] - box[0], box[3] - box[1]), flags=cv2.INTER_LINEAR)


def _smeared(patch: np.ndarray, way: list[float]) -> np.ndarray:
    """Averages a picture along a way of some pixels."""
    side = 2 * math.ceil(0.5 * max(abs(way[0]), abs(way[1]))) + 1
    middle = side // 2
    kernel = np.zeros((side, side), np.float32)
    for part in np.linspace(-0.5, 0.5, 2 * side):
        kernel[middle + round(part * way[1]), middle + round(part * way[0])] += 1
    return cv2.filter2D(patch, -1, kernel / kernel.sum(), borderType=cv2.BORDER_CONSTANT)


def _add_noise(frames: np.ndarray, deviation: float, rng: np.random.Generator) -> None:
    for frame in frames:
        grain = rng.standard_normal((*frame.shape[:2], 1), np.float32) * np.float32(deviation)
        frame[:] = np.clip(frame + grain, 0, 255).astype(np.uint8)
