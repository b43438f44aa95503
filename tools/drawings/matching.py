"""Temporal top-K matching of one frame of a real clip."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F

from clipvis_core.tracking.temporal_matching import assign
from drawings.canvas import BLUE, GREY, INK, PALE, Canvas
from drawings.recording import Recording, hex_color

NUM_MEMORY, NUM_MATCH = 9, 5
TOTALS = 170  # where the bars of the costs stand
LINKS = 380  # where tracks and queries begin


def draw_matching(recording: Recording, frame: int, tracks: list[int]) -> str:
    """The picture of the frame number `frame`, with some of its tracks."""
    costs = memory_costs(recording, frame)
    totals, _ = assign(costs)
    chosen = np.sort(np.argsort(totals, kind="stable")[:NUM_MATCH])
    weights = (chosen + 1) / NUM_MATCH
    combined = np.einsum("m,mtq->tq", weights, costs[chosen])
    order = assign(combined[None])[1][0]
    if not np.array_equal(order, recording.permutations[frame]):
        raise RuntimeError("the drawing does not follow the code")

    canvas = Canvas(780, 670, f"Matching of frame {frame} with the nine frames before it")
    first = f"1. Frame {frame} is matched with each of the {len(costs)} frames that are remembered"
    canvas.text(20, 26, first, font_weight="bold")
    draw_memories(canvas, recording, frame, tracks, totals, chosen)
    second = "2. Their costs are added up and matched once more: which query continues a track?"
    canvas.text(20, 358, second, font_weight="bold")
    draw_links(canvas, recording, frame, tracks, combined / weights.sum(), order)
    return canvas.svg()


def memory_costs(recording: Recording, frame: int) -> np.ndarray:
    """1 - cosine of the queries of each memory, in track order, with those of the frame, `(M, Q, Q)`."""
    vectors = [F.normalize(output.embeddings[0].float(), dim=-1).numpy() for output in recording.outputs]
    first = max(0, frame - NUM_MEMORY)
    return np.stack([1 - vectors[t][recording.permutations[t]] @ vectors[frame].T for t in range(first, frame)])


def draw_memories(
    canvas: Canvas, recording: Recording, frame: int, tracks: list[int], totals: np.ndarray, chosen: np.ndarray
) -> None:
    """The remembered frames, oldest first, with the total cost of each and the weight of those that are taken."""
    first = frame - len(totals)
    for i, total in enumerate(totals):
        x = 20 + 83 * i
        taken = i in chosen
        canvas.image(x, 42, 78, 44, recording.thumbnail(first + i, tracks, 156))
        canvas.text(x + 39, 104, f"frame {first + i}", size=12, anchor="middle", fill=GREY)
        length = 110 * total / totals.max()
        canvas.rect(x + 14, TOTALS + 110 - length - 50, 50, length, fill=BLUE if taken else PALE, stroke=GREY)
        canvas.text(x + 39, 248, f"{total:.1f}", size=14, anchor="middle", fill=INK)
        if taken:
            canvas.text(x + 39, 300, f"x {i + 1}", anchor="middle", font_weight="bold", fill=BLUE)
    canvas.text(20, 270, "total cost of the assignment, over all queries", size=13, fill=GREY)
    canvas.text(20, 322, "the five cheapest, and their weights: later frames count more", size=13, fill=BLUE)


def draw_links(
    canvas: Canvas, recording: Recording, frame: int, tracks: list[int], costs: np.ndarray, order: np.ndarray
) -> None:
    """Tracks on the left, queries of the frame on the right, and the mean cost of each pair."""
    queries = sorted(order[tracks].tolist())
    heights = [LINKS + 46 + 96 * place for place in range(len(tracks))]
    for track, y in zip(tracks, heights, strict=True):
        canvas.text(172, y + 5, f"track {track}", font_weight="bold")
        draw_picture(canvas, (20, y), recording.close_up(frame - 1, track, 284), track)
        query = int(order[track])
        canvas.text(530, heights[queries.index(query)] + 5, f"query {query}", font_weight="bold")
        draw_picture(canvas, (618, heights[queries.index(query)]), recording.close_up(frame, track, 284), track)
    pairs = [(track, query, order[track] == query) for track in tracks for query in queries]
    for track, query, taken in sorted(pairs, key=lambda pair: bool(pair[2])):  # those that are taken lie on top
        start, end = (245, heights[tracks.index(track)]), (520, heights[queries.index(query)])
        style = {"color": hex_color(track), "width": 4} if taken else {"color": GREY, "width": 1}
        canvas.line([start, end], **style)
        share = 0.25 if taken else 0.82 - 0.1 * tracks.index(track)
        x, y = (a + share * (b - a) for a, b in zip(start, end, strict=True))
        canvas.rect(x - 19, y - 10, 38, 19, fill="#ffffff", rx="3")
        weight = "bold" if taken else "normal"
        canvas.text(x, y + 5, f"{costs[track, query]:.2f}", size=13, anchor="middle", font_weight=weight)
    for x, t in ((91, frame - 1), (689, frame)):
        canvas.text(x, LINKS + 300, f"frame {t}", size=13, anchor="middle", fill=GREY)


def draw_picture(canvas: Canvas, place: tuple[float, float], pixels: np.ndarray, track: int) -> None:
    """A picture with a frame in the colour of a track; `place` is its left end and the middle of its height."""
    x, y = place
    canvas.image(x, y - 40, 142, 80, pixels)
    canvas.rect(x, y - 40, 142, 80, fill="none", stroke=hex_color(track), stroke_width="3")
