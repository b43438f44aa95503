"""A person's judgement of tracks: a csv with the columns video, track, label and decision."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import shown
from clipvis_core.inference.answer import Answer

COLUMNS = ("video", "track", "label", "decision")
_DECISIONS = {"accepted": True, "rejected": False, "": None}
_GUARD = re.compile(r"^'(?=[=+\-@])")  # before text that a table program would take for a formula
_MOST_BYTES = 2**26


@dataclass(frozen=True)
class Judgement:
    """What a row says.

    Attributes:
        label: The track's category as the person saw it.
        accepted: True, False, or None where nothing was decided.
        where: How messages name the row.
    """

    label: str
    accepted: bool | None
    where: str


@dataclass(frozen=True)
class Review:
    """Judgements by video and track.

    Attributes:
        path: The file.
        rows: By the name of the video (or of its output folder), the judgements by the track's number from 1.
    """

    path: Path
    rows: dict[str, dict[int, Judgement]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path) -> Review:
        """Reads a review.

        Raises:
            InputError: The file cannot be read, a column is missing, or a row says nothing that is known.
        """
        path = Path(path)
        review = cls(path)
        try:
            rows = csv.DictReader(io.StringIO(_text(path), newline=""))
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise InputError(f"{path}: has no column '{missing[0]}'; a review has {', '.join(COLUMNS)}")
            for row in rows:
                review._add(row, f"{path}: line {rows.line_num}")
        except csv.Error as error:
            raise InputError(f"{path}: is no csv: {error}") from None
        return review

    def _add(self, row: dict, where: str) -> None:
        video, track, label, decision = (_GUARD.sub("", (row[name] or "").strip()) for name in COLUMNS)
        if decision.lower() not in _DECISIONS:
            raise InputError(f"{where}: decision is {shown(decision)}; it must be accepted, rejected or empty")
        if not (track.isascii() and track.isdigit() and 0 < len(track) < 10):
            raise InputError(f"{where}: track is {shown(track)}, not a number as the overlay shows it")
        judgement = Judgement(label, _DECISIONS[decision.lower()], where)
        before = self.rows.setdefault(video, {}).setdefault(int(track), judgement)
        if before.accepted != judgement.accepted:
            raise InputError(f"{where}: track {track} of {shown(video)} is decided otherwise before; keep one row")

    def of(self, answer: Answer) -> dict[int, Judgement]:
        """The judgements of one answer: by its folder's name, else by its video's."""
        return self.rows.get(answer.folder.resolve().name) or self.rows.get(answer.result.name) or {}

    def check(self, answers: Sequence[Answer]) -> None:
        """Whether the review is of these answers.

        Raises:
            InputError: It names none of them, or a track that is not there or has another name.
        """
        if not any(self.of(answer) for answer in answers):
            raise InputError(f"{self.path}: has no row of {answers[0].result.name}; its column video names the videos")
        for answer in answers:
            labels, names = answer.result.tracks.labels.tolist(), answer.result.vocabulary.names
            for number, judgement in self.of(answer).items():
                label = names[labels[number - 1]] if 0 < number <= len(labels) else None
                if label != judgement.label:
                    what = "not there" if label is None else f"{shown(label)}, not {shown(judgement.label)}"
                    raise InputError(
                        f"{judgement.where}: track {number} of {answer.folder} is {what}; is the review of another run?"
                    )

    def apply(self, answer: Answer, indices: Sequence[int]) -> list[int]:
        """Places of tracks in the result list, without the rejected ones and with the accepted ones."""
        judged = {number - 1: judgement.accepted for number, judgement in self.of(answer).items()}
        accepted = [index for index, is_accepted in judged.items() if is_accepted]
        return list(dict.fromkeys([*(index for index in indices if judged.get(index) is not False), *accepted]))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path}: is over {_MOST_BYTES >> 20} MB; is it a review?")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8; save it as a csv in UTF-8") from None
