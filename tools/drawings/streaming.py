"""What is known after each frame of a real clip, and what is written when."""

from __future__ import annotations

from drawings.canvas import BLUE, GREEN, GREY, PALE, WHITE, Canvas
from drawings.recording import Recording, hex_color

SHOWN = 5  # frames with a picture
LEFT, WIDTH = 60, 540
TOP, HEIGHT = 190, 150


def draw_streaming(recording: Recording, tracks: list[int]) -> str:
    """The picture, with some of the tracks."""
    num_frames = len(recording.images)
    canvas = Canvas(780, 520, "Scores after each frame of a clip, and the files that are written meanwhile")
    canvas.text(20, 28, "Frames come in one after the other", font_weight="bold")
    for place in range(SHOWN):
        t = round(place * (num_frames - 1) / (SHOWN - 1))
        canvas.image(20 + 150 * place, 45, 140, 79, recording.thumbnail(t, tracks[:1], 280))
        canvas.text(90 + 150 * place, 142, f"frame {t}", size=13, anchor="middle", fill=GREY)
    canvas.text(20, 175, "Score of each track, judged by the frames so far", font_weight="bold")
    for value in (0.0, 0.5, 1.0):
        y = TOP + HEIGHT * (1 - value)
        canvas.line([(LEFT, y), (LEFT + WIDTH, y)], color=PALE, width=2)
        canvas.text(LEFT - 8, y + 5, f"{value:g}", size=13, anchor="end", fill=GREY)
    for place, track in enumerate(tracks):
        draw_scores(canvas, recording, track, place)

    files = (
        ("frames.jsonl", "a line after each frame", BLUE, LEFT, WIDTH),
        ("results.json", "at the end", GREEN, LEFT + WIDTH - 4, 8),
    )
    for place, (name, when, color, x, length) in enumerate(files):
        y = 390 + 50 * place
        canvas.rect(x, y, length, 14, fill=color, fill_opacity="0.6")
        canvas.text(LEFT + WIDTH + 20, y + 12, name, font_weight="bold", fill=color)
        canvas.text(LEFT + WIDTH + 20, y + 29, when, size=13, fill=GREY)
    for t in range(num_frames):
        x = LEFT + WIDTH * t / (num_frames - 1)
        canvas.line([(x, 390), (x, 404)], color=WHITE, width=2)
    note = "the published scores are means over all frames: they are known at the end"
    canvas.text(LEFT, 472, note, size=13, fill=GREY)
    canvas.text(LEFT, 498, "time", size=13, fill=GREY)
    canvas.arrow((LEFT + 36, 494), (LEFT + WIDTH, 494), color=GREY)
    return canvas.svg()


def draw_scores(canvas: Canvas, recording: Recording, track: int, place: int) -> None:
    """The curve of a track's score so far."""
    num_frames = len(recording.images)
    color = hex_color(track)
    points = [
        (LEFT + WIDTH * t / (num_frames - 1), TOP + HEIGHT * (1 - scores[track]))
        for t, scores in enumerate(recording.so_far)
        if track in scores
    ]
    canvas.line(points, color=color, width=2.5)
    final = recording.tracks.scores[recording.tracks.queries == track].max().item()
    canvas.text(LEFT + WIDTH + 12, TOP + 20 + 24 * place, f"track {track}: {final:.2f}", size=14)
    canvas.rect(LEFT + WIDTH + 112, TOP + 9 + 24 * place, 12, 12, fill=color)
