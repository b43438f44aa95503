"""The features that a run keeps, so that other words can be asked for afterwards."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from clipvis_core.inference.asking import Asker
from clipvis_core.media import FrameSource
from clipvis_core.model_zoo import config_name
from clipvis_core.models import CLIPVISVideo
from clipvis_core.models.base import CLIPVISModel
from clipvis_core.tracking.feature_facts import FeatureFacts
from clipvis_core.tracking.feature_file import FeatureFile, FeatureWriter


class Keeping:
    """The features of one video and the model that they come from.

    Args:
        source: The video.
        model: The network.
        config: Path of its config, or None.
        checkpoint: Its weights, or None for random ones.
        file: An empty file, open for writing.
        most_bytes: Size from which on nothing is kept after all; None for any.

    Attributes:
        writer: Takes the frames.
    """

    def __init__(
        self,
        source: FrameSource,
        model: CLIPVISModel,
        config: str | None,
        checkpoint: str | Path | None,
        file: BinaryIO,
        most_bytes: int | None,
    ) -> None:
        is_image = not isinstance(model, CLIPVISVideo)
        facts = FeatureFacts(
            name=source.name,
            height=source.height,
            width=source.width,
            frame_rate=source.frame_rate,
            topk=model.topk,
            weighted=is_image or model.weighted_classification,
            image=is_image,
            logit_scale=float(model.backbone.logit_scale),
            encoder=model.text_classifier.fingerprint,
            config=config_name(config),
            checkpoint="" if checkpoint is None else str(Path(checkpoint).resolve()),
            calibration=model.calibration,
        )
        self.writer = FeatureWriter(file, facts, most_bytes)
        self._classifier = model.text_classifier
        self._is_random = checkpoint is None

    def finish(self, times: Sequence[float]) -> Asker | None:
        """Ends the features of frames with these times; what can be asked of, if they can be read at once."""
        self.writer.finish(times)
        if self.writer.lost is not None:
            warnings.warn(f"no features were kept to ask for other words: {self.writer.lost}", stacklevel=3)
            return None
        if not self.writer.file.readable():
            return None
        return Asker(FeatureFile(self.writer.file), self._classifier, is_random=self._is_random)
