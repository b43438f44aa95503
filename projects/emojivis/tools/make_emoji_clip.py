"""Lets emoji move over a real video.

Example: `python projects/emojivis/tools/make_emoji_clip.py street.mp4 out.mp4 --emoji "penguin; fox; donut"`

What comes out is for `tools/infer.py --checkpoint weights/clipvis_nano.safetensors`, which knows EmojiVIS.
"""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[3] / "tools"))

import _command
from clipvis_core import InputError
from clipvis_core.media import VideoWriter, open_frames
from projects.emojivis.emojivis import emoji_over


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("input", metavar="IN", help="a video, a folder of frames, or an image")
    parser.add_argument("output", metavar="OUT", help="video to write (.mp4)")
    parser.add_argument("--emoji", required=True, metavar="NAMES", help='one name an object: "penguin; fox; fox"')
    parser.add_argument("--style", default="noto", choices=("noto", "fluent"), help="how they are drawn")
    parser.add_argument("--seed", type=int, default=0, help="another one moves them otherwise")
    parser.add_argument("--frames", type=int, default=48, metavar="N", help="first frames of the video (default 48)")
    args = parser.parse_args()
    if args.frames < 1 or args.seed < 0:
        raise InputError("--frames must be at least 1 and --seed at least 0")
    names = [name.strip() for name in args.emoji.split(";") if name.strip()]
    source = open_frames(args.input)
    frames = np.stack(list(islice(source, args.frames)))
    clip = emoji_over(frames, names, seed=args.seed, style=args.style)
    with VideoWriter(args.output, source.frame_rate, source.height, source.width) as writer:
        for frame in clip.frames:
            writer.write(frame)
    print(f"wrote {args.output}: {len(clip.frames)} frames, {', '.join(names)}")


if __name__ == "__main__":
    _command.run(main, InputError)
