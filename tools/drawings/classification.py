"""Weighted classification of one track of a real clip."""

from __future__ import annotations

import numpy as np

from clipvis_core.tracking import TrackScores
from drawings.canvas import BLUE, GREEN, GREY, ORANGE, PALE, Canvas
from drawings.recording import Recording

SHOWN = 5  # frames that have a picture


def draw_classification(recording: Recording) -> str:
    """The picture: what each frame says about the best track, and what becomes of it."""
    track = recording.drawn[0]
    num_frames = len(recording.images)
    queries = [recording.query(t, track) for t in range(num_frames)]
    probs = np.stack([o.class_probs[0, q].numpy() for o, q in zip(recording.outputs, queries, strict=True)])
    label = int(probs.mean(axis=0).argmax())
    word = f'"{recording.words[label]}"'
    canvas = Canvas(780, 560, "How the name and the score of a track are made of what is said in each frame")
    title = f"One track, {num_frames} frames: the best of the words is {word}"
    canvas.text(20, 28, title, font_weight="bold")
    for place, t in enumerate(np.linspace(0, num_frames - 1, SHOWN).round().astype(int).tolist()):
        canvas.image(20 + 150 * place, 45, 140, 79, recording.thumbnail(t, [track], 280))
        canvas.text(90 + 150 * place, 142, f"frame {t}", size=13, anchor="middle", fill=GREY)

    ious = np.array([float(o.ious[0, q]) for o, q in zip(recording.outputs, queries, strict=True)])
    logits = np.stack([o.object_logits[0, q].numpy() for o, q in zip(recording.outputs, queries, strict=True)])
    objectness = 1 / (1 + np.exp(logits[:, 1] - logits[:, 0]))
    curves = (
        (f"P, {word}", probs[:, label], BLUE),
        ("u, predicted IoU", ious, ORANGE),
        ("p, objectness", objectness, GREEN),
    )
    top, height = 165, 150
    for value in (0.0, 0.5, 1.0):
        y = top + height * (1 - value)
        canvas.line([(60, y), (600, y)], color=PALE, width=2)
        canvas.text(52, y + 5, f"{value:g}", size=13, anchor="end", fill=GREY)
    for place, (name, values, color) in enumerate(curves):
        points = [(60 + 540 * t / (num_frames - 1), top + height * (1 - value)) for t, value in enumerate(values)]
        canvas.line(points, color=color, width=2.5)
        canvas.text(612, top + 20 + 24 * place, name, fill=color, font_weight="bold", size=14)

    scores = TrackScores()
    for t, output in enumerate(recording.outputs):
        scores.update(*output.rows(0, recording.order(t)))
    class_score = float(scores.scores()[track, label])
    quality = float(scores.mask_quality()[track])
    joint = float(np.sqrt(probs[:, label] * ious).mean())
    whole = float(np.exp(logits.mean(axis=0))[0] / np.exp(logits.mean(axis=0)).sum())
    rows = (
        ("mean over the frames of √(P · u)", joint, BLUE),
        ("objectness of the whole clip, softmax of the mean logits", whole, GREEN),
        ("score before mask quality, √ of their product", class_score, GREY),
        ("mask quality, mean probability inside the mask", quality, ORANGE),
        ("reported score, score · quality", class_score * quality, GREY),
    )
    for place, (name, value, color) in enumerate(rows):
        y = 350 + 40 * place
        canvas.rect(20, y, 520, 28, fill=PALE)
        canvas.rect(20, y, 520 * value, 28, fill=color, fill_opacity="0.35")
        canvas.text(28, y + 19, name, size=14)
        canvas.text(555, y + 19, f"{value:.3f}", font_weight="bold")
    return canvas.svg()
