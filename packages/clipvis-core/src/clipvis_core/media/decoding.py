"""Decoding a video stream frame by frame, whatever it comes from, through PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
from av.stream import Disposition

from clipvis_core.foundation.errors import InputError
from clipvis_core.media.frames import DEFAULT_FRAME_RATE, check_pixels

_FASTEST_RATE = 1000  # frames a second; what claims more has a clock for a frame rate


class DamageError(Exception):
    """The stream cannot be decoded any further; the message says why."""


def video_stream(container: av.container.InputContainer, name: object) -> av.VideoStream:
    """The first real video stream; pictures attached to music are none.

    Raises:
        InputError: There is none, or its codec is not known.
    """
    pictures = [s for s in container.streams.video if s.disposition & Disposition.attached_pic]
    videos = [s for s in container.streams.video if s not in pictures]
    if not videos:
        raise InputError(f"{name} has no video stream; give a file with pictures in it")
    if videos[0].codec_context is None:
        raise InputError(f"{name}: its video codec is not known; convert it to H.264 first")
    return videos[0]


def first_frame(name: object, frames: Iterator[av.VideoFrame]) -> av.VideoFrame:
    """The frame that gives size and rotation, and proves that the codec is understood.

    Raises:
        InputError: There is none, or it is too large.
    """
    try:
        frame = next(frames, None)
        reason: object = "no frame in it"
    except DamageError as damage:
        frame, reason = None, damage
    if frame is None:
        raise InputError(f"{name}: not one frame can be decoded ({reason}); copy or send it again")
    check_pixels(name, frame.height, frame.width)
    return frame


def decoded_frames(stream: av.VideoStream, *, from_key_frame: bool = True) -> Iterator[av.VideoFrame]:
    """Decoded frames, up to the first damaged one.

    FFmpeg conceals damage with pieces of neighbouring pictures and only sets a flag. A recording of a broadcast has no
    index and may start between two key frames; what comes before the first one cannot be decoded and is passed over.

    Args:
        stream: The stream.
        from_key_frame: Pass over what comes before the first key frame. Devices need not mark theirs.

    Raises:
        DamageError: The next frame is damaged, or what is stored there is no frame.
    """
    started = stream.frames > 0 or not from_key_frame
    for packet in _packets(stream):
        started = started or packet.is_keyframe
        if not started:
            continue
        try:
            # An incomplete packet still makes the decoder return the whole frames that it holds.
            frames = stream.codec_context.decode(None) if packet.is_corrupt else packet.decode()
        except av.error.FFmpegError as error:
            raise DamageError(error.strerror) from None
        for frame in frames:
            if frame.is_corrupt:
                raise DamageError("damaged data")
            yield frame
        if packet.is_corrupt:
            raise DamageError("incomplete data")


def _packets(stream: av.VideoStream) -> Iterator[av.Packet]:
    """Undecoded pieces of the stream; the last one is empty and ends the decoding."""
    try:
        yield from stream.container.demux(stream)
    except av.error.FFmpegError as error:
        raise DamageError(error.strerror) from None


def average_rate(stream: av.VideoStream) -> Fraction:
    """Average frame rate, or the container's guess, or the default."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate is not None and 0 < rate <= _FASTEST_RATE:
            return Fraction(rate)
    return DEFAULT_FRAME_RATE
