"""Readers of files that are no json: weights, videos, images and answers, damaged byte by byte or entry by entry."""

from __future__ import annotations

import io
import json
import random
import warnings
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import torch
from mutations import mutated, mutated_bytes
from PIL import Image
from pycocotools import mask as mask_api
from readers import HEIGHT, WIDTH, WrongError

from clipvis_core.checkpoints import check_shapes, model_state, read_checkpoint, write_weights
from clipvis_core.foundation.errors import InputError
from clipvis_core.inference import Answer
from clipvis_core.media import open_frames
from clipvis_data.preparation.checking import image_fault
from clipvis_data.transforms.loading import read_rgb

VIDEOS = {"a.mp4": "libx264", "b.mkv": "libx264", "c.ts": "mpeg2video", "d.avi": "mjpeg", "e.webm": "libvpx"}
IMAGES = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")


def _state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "head.weight": torch.randn(24, 8, generator=generator),
        "head.bias": torch.randn(24, generator=generator),
        "text.table": torch.randint(-9, 9, (16, 4), dtype=torch.int8, generator=generator),
    }


def weights(generator: random.Random, folder: Path) -> None:
    """What is accepted has the names, shapes and kinds that were expected, finite; flipped bytes change no number."""
    expected, state = _state(), _state()
    by_bytes = generator.random() < 0.6
    if not by_bytes:
        _damage_entry(state, generator)
    path = folder / generator.choice(("weights.pth", "weights.safetensors"))
    if path.suffix == ".pth":
        torch.save({"state_dict": state, "meta": {"iter": 3}}, path)
    else:
        try:
            write_weights(state, path, dtype=torch.float32)
        except Exception:  # what cannot be written this way needs no reading
            torch.save(state, path)
    if by_bytes:
        path.write_bytes(mutated_bytes(path.read_bytes(), generator))
    found = model_state(read_checkpoint(path), path)
    check_shapes(found, expected, path)
    for name, tensor in found.items():
        if not torch.isfinite(tensor.float()).all() or (by_bytes and not torch.equal(tensor, expected[name])):
            raise WrongError(f"{path.suffix}: {name} was loaded as if sound")


def _damage_entry(state: dict, generator: random.Random) -> None:
    name = generator.choice(list(state))
    tensor = state.pop(name)
    odd = {
        "nan": lambda: torch.where(torch.rand(tensor.shape) < 0.1, float("nan"), tensor.float()),
        "inf": lambda: tensor.float() / 0,
        "complex": lambda: tensor.to(torch.complex64),
        "bool": lambda: tensor > 0,
        "int8": lambda: tensor.to(torch.int8),
        "half": lambda: tensor.to(torch.float16),
        "double": lambda: tensor.to(torch.float64),
        "transposed": lambda: tensor.T.contiguous(),
        "none": lambda: None,
        "list": lambda: tensor.tolist(),
        "sparse": lambda: tensor.float().to_sparse(),
        "meta": lambda: tensor.to("meta"),
        "quantised": lambda: torch.quantize_per_tensor(tensor.float(), 0.1, 0, torch.qint8),
        "parameter": lambda: torch.nn.Parameter(tensor.float()),
    }
    key = generator.choice([name, name, name, name + "x", 3, ""])
    state[key] = odd[generator.choice(list(odd))]()


@cache
def _video(name: str) -> bytes:
    file = io.BytesIO()
    formats = {"mp4": "mp4", "mkv": "matroska", "ts": "mpegts", "avi": "avi", "webm": "webm"}
    with av.open(file, "w", format=formats[name[2:]]) as container:
        stream = container.add_stream(VIDEOS[name], rate=Fraction(25))
        stream.height, stream.width = 48, 64
        stream.pix_fmt = "yuvj420p" if VIDEOS[name] == "mjpeg" else "yuv420p"
        for index in range(6):
            picture = np.random.default_rng(index).integers(0, 255, (6, 8, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(np.kron(picture, np.ones((8, 8, 1), np.uint8)), format="rgb24")
            container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode(None))
    return file.getvalue()


def video(generator: random.Random, folder: Path) -> None:
    path = folder / generator.choice(list(VIDEOS))
    path.write_bytes(mutated_bytes(_video(path.name), generator))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = open_frames(path, allow_truncated=generator.random() < 0.5)
        before = -1.0
        for frame in source:
            if frame.shape != (source.height, source.width, 3) or not source.time > before:
                raise WrongError(f"frame {frame.shape} at {source.time} s after {before} s")
            before = source.time


@cache
def _image(kind: str, animated: bool) -> bytes:
    file = io.BytesIO()
    pictures = [
        Image.fromarray(np.random.default_rng(index).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8))
        for index in range(3)
    ]
    more = {"save_all": True, "append_images": pictures[1:], "duration": 100} if animated else {}
    pictures[0].save(file, format=kind, **more)
    return file.getvalue()


def image(generator: random.Random, folder: Path) -> None:
    """Inference, training and the checker take and refuse the same pictures, and see the same."""
    kind = generator.choice(IMAGES)
    animated = kind in ("PNG", "WEBP", "GIF") and generator.random() < 0.3
    path = folder / f"a.{kind.lower()}"
    path.write_bytes(mutated_bytes(_image(kind, animated), generator))
    said = image_fault(folder, (path.name, (HEIGHT, WIDTH)))
    try:
        trained = read_rgb(str(path), HEIGHT, WIDTH)
    except InputError:
        trained = None
    if (trained is None) != (said is not None):
        raise WrongError(f"the checker says {said!r}, training {'refuses it' if trained is None else 'takes it'}")
    source = open_frames(path)
    frames = list(source)
    if trained is not None and not animated and kind != "GIF" and not np.array_equal(frames[0], trained):
        raise WrongError("training sees another picture than inference")


def answer(generator: random.Random, folder: Path) -> None:
    """An output folder, read back, with a fault in one of its files."""
    mask = mask_api.frPyObjects({"size": [HEIGHT, WIDTH], "counts": [30, 50, HEIGHT * WIDTH - 80]}, HEIGHT, WIDTH)
    masks = [{"size": [HEIGHT, WIDTH], "counts": mask["counts"].decode()}, None]
    track = {"video_id": 1, "score": 0.8, "category_id": 1, "query": 3, "segmentations": masks}
    facts = {"made_by": "clipvis", "input": None, "files": ["results.json"], "complete": True, "name": "a"}
    facts |= {"height": HEIGHT, "width": WIDTH, "frame_rate": "25/2", "num_frames": 2, "score_thr": 0.3}
    content = {
        "results.json": [track, track | {"score": 0.4, "category_id": 2}],
        "video.json": facts | {"times": [0.0, 0.08]},
        "vocabulary.json": {"categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat", "synonyms": ["kitty"]}]},
    }
    damaged = generator.choice(list(content))
    for name, value in content.items():
        (folder / name).write_text(json.dumps(mutated(value, generator) if name == damaged else value))
    drawn = Answer.read(folder).drawn(all_tracks=True)
    drawn.summary()
    drawn.masks(0)


FILE_READERS = {reader.__name__: reader for reader in (weights, video, image, answer)}
