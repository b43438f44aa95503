"""The text side of the encoder that some features come from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from clipvis_core.foundation.errors import InputError
from clipvis_core.model_zoo import find_config, packaged_config, zoo
from clipvis_core.tracking.feature_facts import FeatureFacts

if TYPE_CHECKING:
    from clipvis_core.models.encoder import ImageTextEncoder


class KeptEncoder:
    """A `TextEncoder` that is built when a word comes that no cache knows.

    Args:
        facts: The header of the features.
        config: Config of the model in place of the one that the features name. That one has to be of this repository:
            a config is a program, and the features may come from anywhere.
        checkpoint: Weights in place of those that the features name.
    """

    def __init__(
        self, facts: FeatureFacts, config: str | Path | None = None, checkpoint: str | Path | None = None
    ) -> None:
        self._facts = facts
        self._config = config
        self._checkpoint = checkpoint

    @property
    def is_random(self) -> bool:
        """Whether its weights are random."""
        return not self._facts.checkpoint and self._checkpoint is None

    def text_fingerprint(self) -> str:
        """That of the encoder when the features were made."""
        return self._facts.encoder

    def encode_text(self, words: Sequence[str]) -> Tensor:
        """Unit vectors of P words, float32 `(P, D)` on the CPU.

        Raises:
            InputError: The encoder cannot be built or is another one than that of the features, or cannot read a word.
        """
        return self._encoder.encode_text(words)

    @cached_property
    def _encoder(self) -> ImageTextEncoder:
        from clipvis_core.inference.building import build_encoder  # the network's libraries, which take seconds

        config = self._find_config()
        checkpoint = None if self.is_random else self._find_checkpoint(config)
        encoder = build_encoder(config, checkpoint)
        if encoder.text_fingerprint() != self._facts.encoder:
            raise InputError(
                f"{checkpoint or config} has another text encoder than these features were made with: "
                "name the weights of that run with --checkpoint, or run clipvis on the video again"
            )
        return encoder

    def _find_config(self) -> Path:
        if self._config is not None:
            return find_config(self._config)
        config = packaged_config(self._facts.config) if self._facts.config else None
        if config is None:
            name = self._facts.config[:100] or "none that is a file"
            raise InputError(f"these features come from a config that is not of this package ({name}): give --config")
        return config

    def _find_checkpoint(self, config: Path) -> Path:
        """The weights that are named, or, where they are gone, those of the zoo with this config."""
        named = Path(self._checkpoint or self._facts.checkpoint)
        if self._checkpoint is not None or named.is_file():
            return named
        for model in zoo().values():
            if config in (model.config, model.image_config) and (file := model.file()) is not None:
                return file
        raise InputError(f"the weights {named} of these features are gone: name them with --checkpoint")
