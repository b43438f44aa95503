"""What a model is built from: small enough to be sent to other processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.inference.model_choice import choose_model

if TYPE_CHECKING:
    from clipvis_core.inference.inferencer import CLIPVISInferencer


@dataclass(frozen=True)
class ModelSpec:
    """A model by name or by files, and its words.

    Attributes:
        vocabulary: The categories.
        model, config, checkpoint: See `choose_model`.
        options: Further arguments of `CLIPVISInferencer`, such as `device`.
    """

    vocabulary: Vocabulary
    model: str | None = None
    config: str | None = None
    checkpoint: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def files(self, *, is_image: bool = False, quiet: bool = False) -> tuple[Path, Path | None]:
        """Config and weights; see `choose_model`.

        Raises:
            InputError: As `choose_model`.
        """
        return choose_model(self.model, self.config, self.checkpoint, is_image=is_image, quiet=quiet)

    def build(self, *, is_image: bool, quiet: bool = False) -> CLIPVISInferencer:
        """The model, ready to infer.

        Args:
            is_image: Whether it is for single images.
            quiet: Say nothing of what was chosen for the user.

        Raises:
            InputError: Something that was given cannot be used.
        """
        from clipvis_core.inference.inferencer import CLIPVISInferencer  # the network's libraries, which take seconds

        config, checkpoint = self.files(is_image=is_image, quiet=quiet)
        return CLIPVISInferencer(config, checkpoint, vocabulary=self.vocabulary, **self.options)
