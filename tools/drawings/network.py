"""The network: what it is made of, with the sizes of a published config."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config

from drawings.canvas import BLUE, GREEN, GREY, INK, ORANGE, WHITE, Canvas

FROZEN, TRAINED = "#e3eef6", "#fbead6"


def draw_network(config_file: Path) -> str:
    """The picture, with the numbers of a config."""
    head = Config.fromfile(config_file).model.head
    pixels, queries = head.pixel_decoder, head.query_decoder
    canvas = Canvas(780, 470, "The network of CLIP-VIS, from a frame and words to named masks")
    canvas.box(20, 60, 110, 50, ["a frame"], fill=WHITE)
    canvas.box(20, 290, 110, 50, ["your words"], fill=WHITE)
    canvas.box(175, 35, 165, 100, ["image encoder", "of CLIP, frozen", "strides 4, 8, 16, 32"], fill=FROZEN)
    canvas.box(175, 265, 165, 100, ["text encoder", "of CLIP, frozen", "a vector for each word"], fill=FROZEN)
    layers = f"{pixels.num_layers} layers, {head.channels} channels"
    canvas.box(390, 35, 165, 100, ["pixel decoder", "deformable attention", layers], fill=TRAINED)
    looks = f"{queries.num_queries} queries, {queries.num_layers} layers"
    canvas.box(605, 35, 155, 100, ["query decoder", "masked attention", looks], fill=TRAINED)
    for start, end in ((130, 175), (340, 390), (555, 605)):
        canvas.arrow((start, 85), (end, 85))
    canvas.text(580, 76, "F", anchor="middle", font_style="italic")
    canvas.arrow((130, 315), (175, 315))

    answers = (("p", "object?", GREEN), ("M", "which pixels?", BLUE), ("u", "how good?", ORANGE))
    for place, (letter, question, color) in enumerate(answers):
        y = 175 + 34 * place
        canvas.rect(605, y - 20, 155, 28, fill=WHITE, stroke=color, rx="6")
        canvas.text(617, y, letter, font_weight="bold", font_style="italic", fill=color)
        canvas.text(640, y, question, size=14)
    canvas.arrow((682, 135), (682, 154))

    canvas.box(390, 180, 165, 60, ["mask pooling", "one vector v a mask"], fill=WHITE)
    canvas.arrow((605, 204), (555, 204), color=BLUE)
    canvas.line([(257, 135), (257, 210)])
    canvas.arrow((257, 210), (390, 210))
    canvas.text(265, 200, "dense features", size=13, fill=GREY)

    canvas.box(390, 285, 165, 60, ["classification", "probabilities P of words"], fill=WHITE)
    canvas.arrow((340, 315), (390, 315))
    canvas.arrow((472, 240), (472, 285))
    canvas.box(605, 285, 155, 60, ["score of a name", "from P, u, p and M"], fill=WHITE)
    canvas.arrow((555, 315), (605, 315))
    canvas.arrow((682, 252), (682, 285))
    canvas.box(390, 385, 370, 50, ["temporal matching", "the same query, the same object"], fill=WHITE)
    canvas.arrow((682, 345), (682, 385))
    canvas.arrow((390, 410), (340, 410))
    canvas.text(330, 415, "tracks with names", anchor="end", font_weight="bold")

    canvas.rect(20, 443, 14, 14, fill=FROZEN, stroke=GREY)
    canvas.text(40, 455, "frozen", size=13)
    canvas.rect(100, 443, 14, 14, fill=TRAINED, stroke=GREY)
    canvas.text(120, 455, "trained", size=13)
    canvas.text(760, 455, f"sizes: {config_file.name}", size=13, anchor="end", fill=INK)
    return canvas.svg()
