"""What image and video datasets share: the annotation file, its categories and their prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from clipvis_core.foundation.categories import CategoryList
from clipvis_data.paths import first_existing
from clipvis_data.seeding import SeededItems
from clipvis_data.vocabularies import dataset_vocabulary

REMEDY = "correct the annotation file or fetch it again"


class CategoryDataset(SeededItems):
    """Mix-in of mmengine datasets whose `metainfo` tells their categories."""

    category_info: Mapping[str, Any] = MappingProxyType({})

    def set_categories(self, vocabulary: CategoryList, prompt_options: Mapping[str, Any] | None = None) -> None:
        """Sets `vocabulary`, and what `metainfo` says of it."""
        self.vocabulary = vocabulary
        self.category_info = {
            "classes": vocabulary.names,
            "prompts": vocabulary.prompts(**(prompt_options or {})),
            "category_ids": vocabulary.ids,
            "dataset_name": vocabulary.name,
        }

    @property
    def metainfo(self) -> dict[str, Any]:
        """What mmengine's datasets say of themselves, and the categories once they are known."""
        return {**super().metainfo, **self.category_info}


class AnnotatedDataset(CategoryDataset):
    """Mix-in of mmengine datasets that read an annotation json.

    Args:
        ann_file: The json, or several names of which the first that exists is taken; "" for none.
        vocabulary: Name or file of the category list; None takes the json's own `categories`.
        prompt_options: Arguments of `CategoryList.prompts`, for the `prompts` in `metainfo`.
        check_files: Look for every image file before anything runs.
        **kwargs: See mmengine's `BaseDataset`.
    """

    def __init__(
        self,
        *,
        ann_file: str | Sequence[str],
        vocabulary: str | None = None,
        prompt_options: Mapping[str, Any] | None = None,
        check_files: bool = True,
        **kwargs: Any,
    ) -> None:
        self.vocabulary_name = vocabulary
        self.prompt_options = prompt_options
        self.check_files = check_files
        if ann_file:
            ann_file = first_existing(kwargs.get("data_root") or "", ann_file)
        super().__init__(ann_file=ann_file, **kwargs)

    def take_categories(self, source: str, data: dict) -> None:
        """Sets the categories, and the `ann_file` of `metainfo`, from the content of an annotation file."""
        self.set_categories(dataset_vocabulary(source, data, self.vocabulary_name), self.prompt_options)
        self.category_info["ann_file"] = str(source) if data.get("annotations") else None
