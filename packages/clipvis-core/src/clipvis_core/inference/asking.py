"""Other words for a video that has been through the network: asked of its features, without the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from clipvis_core.foundation.calibration import shown_from
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.inference.judging import Words
from clipvis_core.inference.kept_encoder import KeptEncoder
from clipvis_core.inference.replay import replay, replay_image
from clipvis_core.inference.result import SegmentationResult
from clipvis_core.text import TextClassifier, remaining_contrast
from clipvis_core.text.contrast import AUTO, contrast_words
from clipvis_core.tracking.feature_file import FeatureFile

FEATURES = "features.bin"
MOST_FEATURE_BYTES = 2**31  # kept unless somebody asks for more

Categories = Vocabulary | Sequence[str | Sequence[str]]


class Asker:
    """A video's features with what encodes words: answers as a run with those words would have.

    Args:
        features: The video's features.
        classifier: Encodes words as the encoder of these features does.
        is_random: Whether that encoder has random weights; it then gets no contrast words by itself.

    Example:
        asker = Asker.open("outputs/park")
        result = asker.ask(["dog, puppy", "frisbee"])
        print(result.drawn(asker.score_thr(result)).summary())
    """

    def __init__(self, features: FeatureFile, classifier: TextClassifier, *, is_random: bool = False) -> None:
        self.features = features
        self._classifier = classifier
        self._is_random = is_random

    @classmethod
    def open(
        cls,
        place: str | Path,
        *,
        config: str | Path | None = None,
        checkpoint: str | Path | None = None,
        cache_dir: str | Path | Literal[False] | None = None,
    ) -> Asker:
        """That of an output folder, or of a file of features.

        Args:
            place: Folder or file.
            config: See `KeptEncoder`.
            checkpoint: See `KeptEncoder`.
            cache_dir: See `TextClassifier`.

        Raises:
            InputError: There are no features, or they cannot be read.
        """
        features = FeatureFile.open(find_features(place))
        encoder = KeptEncoder(features.facts, config, checkpoint)
        classifier = TextClassifier(encoder, False if encoder.is_random else cache_dir)
        return cls(features, classifier, is_random=encoder.is_random)

    def words(self, vocabulary: Categories, contrast: Vocabulary | str | Path | None = AUTO) -> Words:
        """Words as the encoder sees them; only those not seen before are encoded.

        Raises:
            InputError: The encoder cannot read a word, or cannot be loaded.
        """
        asked = self._classifier.embed(Vocabulary.from_categories(vocabulary))
        listed = contrast_words(contrast, self._classifier, is_random=self._is_random)
        others = None if listed is None else remaining_contrast(asked, self._classifier.embed(listed))
        return Words(self.features.facts.logit_scale, asked, others)

    def ask(
        self,
        vocabulary: Categories,
        *,
        contrast: Vocabulary | str | Path | None = AUTO,
        topk: int | None = None,
        progress: bool = False,
    ) -> SegmentationResult:
        """What a run with these words gives: the same pairs and masks, scores within 1e-3.

        Args:
            vocabulary: The categories.
            contrast: As for `CLIPVISInferencer`.
            topk: Most (track, category) pairs; by default as in the run.
            progress: Show a progress bar where it takes more than two seconds.

        Raises:
            InputError: The encoder cannot read a word or cannot be loaded, or the features are damaged.
        """
        facts = self.features.facts
        words = self.words(vocabulary, contrast)
        if facts.image:
            tracks = replay_image(self.features, words, topk or facts.topk)
        else:
            tracks = replay(self.features, words, topk or facts.topk, progress=progress)
        return SegmentationResult(
            name=facts.name,
            height=facts.height,
            width=facts.width,
            frame_rate=facts.frame_rate,
            num_frames=len(self.features),
            vocabulary=words.asked.vocabulary,
            tracks=tracks,
            times=self.features.times,
            asker=self,
        )

    def score_thr(self, result: SegmentationResult) -> float:
        """Least score of a result that is drawn by default."""
        return shown_from(self.features.facts.calibration, has_contrast=result.tracks.calibrated is not None)


def ask(
    place: str | Path,
    vocabulary: Categories,
    *,
    contrast: Vocabulary | str | Path | None = AUTO,
    topk: int | None = None,
    progress: bool = False,
) -> SegmentationResult:
    """The answer of an output folder (or a file of features) for other words; see `Asker`.

    Raises:
        InputError: There are no features, or as `Asker.ask`.
    """
    return Asker.open(place).ask(vocabulary, contrast=contrast, topk=topk, progress=progress)


def find_features(place: str | Path) -> Path:
    """The file of features of an output folder: the whole one or, after a run that was killed, what it left.

    Raises:
        InputError: There is none.
    """
    place = Path(place)
    if place.is_file():
        return place
    unfinished = sorted(place.glob(f".{FEATURES}.*.part"), key=lambda path: path.stat().st_mtime)
    found = [path for path in (place / FEATURES, *reversed(unfinished)) if path.is_file()]
    if not found:
        raise InputError(
            f"{place} has no {FEATURES} to ask: run clipvis on the video again with --keep-features always"
        )
    return found[0]
