"""Lists of categories: ids, names, synonyms, evaluation groups and prompts; and the files that hold them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.json_files import read_json

_GROUPS = ("base", "novel", "common", "uncommon", "frequent", "rare", "distractor")
_MAX_LIST_BYTES = 16 * 2**20
_UNSEEN = dict.fromkeys(map(ord, "\ufeff\u200b\u2060\u00ad"))


@dataclass(frozen=True)
class Category:
    """One category of a dataset.

    Attributes:
        id: Id in the dataset's annotation files.
        name: Name in the dataset's annotation files.
        prompt_name: Text the published systems put into their prompt templates; commas part synonyms.
        synonyms: Every known word for the category; may be empty.
        frequency: LVIS frequency, "f" (over 100 training images), "c" (11 to 100) or "r" (up to 10).
        split: "base" or "novel" in the open-vocabulary protocol, None where the dataset has none.
        common: BURST only: whether the class is one of its known ("common") classes.
        burst_id: BURST only: id in the download, which numbers as LVIS v0.5 did.
        distractor: BURST only: the official metrics skip this class.
    """

    id: int
    name: str
    prompt_name: str
    synonyms: tuple[str, ...] = ()
    frequency: Literal["f", "c", "r"] | None = None
    split: Literal["base", "novel"] | None = None
    common: bool | None = None
    burst_id: int | None = None
    distractor: bool = False

    def belongs_to(self, group: str) -> bool:
        """Whether the category counts in an evaluation group (see `CategoryList.group`)."""
        if group in ("base", "novel"):
            return self.split == group
        if group in ("common", "uncommon") and self.common is not None:
            return self.common == (group == "common")
        if group == "distractor":
            return self.distractor
        return self.frequency is not None and self.frequency == {"frequent": "f", "common": "c", "rare": "r"}.get(group)


@dataclass(frozen=True)
class CategoryList:
    """The categories of a dataset, in label order (label = position).

    Attributes:
        name: Short name, as given to `load_vocabulary`.
        source: Where the list comes from.
        categories: The categories, in ascending order of id.
    """

    name: str
    source: str
    categories: tuple[Category, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.categories)

    @property
    def ids(self) -> tuple[int, ...]:
        """Category ids in label order."""
        return tuple(category.id for category in self.categories)

    @property
    def names(self) -> tuple[str, ...]:
        """Category names in label order."""
        return tuple(category.name for category in self.categories)

    @cached_property
    def id_to_label(self) -> dict[int, int]:
        """Label (0, 1, ...) of each category id."""
        return {category_id: label for label, category_id in enumerate(self.ids)}

    @property
    def groups(self) -> dict[str, tuple[int, ...]]:
        """Category ids of each evaluation group the list has."""
        members = {group: tuple(c.id for c in self.categories if c.belongs_to(group)) for group in _GROUPS}
        return {group: ids for group, ids in members.items() if ids}

    def group(self, name: str) -> tuple[int, ...]:
        """Category ids of an evaluation group.

        Args:
            name: "base" or "novel"; "common" or "uncommon" (BURST's known and other classes);
                "frequent", "common" or "rare" (LVIS frequency); "distractor".

        Raises:
            InputError: The list has no such group.
        """
        groups = self.groups
        if name not in groups:
            known = ", ".join(groups) or "none"
            raise InputError(f"vocabulary {self.name} has no group {name!r}; it has: {known}")
        return groups[name]

    def prompts(
        self, synonyms: Literal["published", "all"] = "published", *, readable: bool = False
    ) -> tuple[tuple[str, ...], ...]:
        """Words that go into the prompt templates, for each category in label order.

        Args:
            synonyms: "published": the words of the published systems (one a category in all seven
                lists); "all": every known word.
            readable: Write underscores as spaces. The published text keeps them, and the CLIP
                tokenizer sees the difference.

        Returns:
            K tuples of one or more words.

        Raises:
            InputError: `synonyms` is neither of the two.
        """
        if synonyms not in ("published", "all"):
            raise InputError(f"synonyms must be 'published' or 'all', not {synonyms!r}")
        result = []
        for category in self.categories:
            words = clean_words(split_words(category.prompt_name))
            if synonyms == "all":
                words += (*category.synonyms, category.name)
            if readable:
                words = tuple(" ".join(word.replace("_", " ").split()) for word in words)
            result.append(tuple(dict.fromkeys(words)))
        return tuple(result)


def read_categories(path: str | Path) -> CategoryList:
    r"""Reads a category list from a file.

    Args:
        path: A `.json` file has a list `categories` of objects with `name` and, optionally, the other fields of
            `Category` (ids default to 1, 2, ...); the annotation files of COCO, LVIS and YouTube-VIS qualify. Any
            other file is a word list in UTF-8, with or without a byte order mark: one category a line, its synonyms
            parted by commas (`\,` is a comma inside a word), the first being the name. Empty lines and lines that begin
            with # are skipped; a # elsewhere belongs to the name.

    Raises:
        InputError: The file cannot be read or does not hold a category list.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        return categories_from_records(path.stem, _word_list(path), source=str(path))
    data = read_json(path)
    records = data.get("categories") if isinstance(data, dict) else None
    if not isinstance(records, list):
        raise InputError(f"{path}: has no list 'categories'")
    return categories_from_records(path.stem, records, source=str(path))


def _word_list(path: Path) -> list[dict]:
    try:
        if path.stat().st_size > _MAX_LIST_BYTES:
            raise InputError(f"{path}: is over {_MAX_LIST_BYTES} bytes; a word list has one category a line")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not a UTF-8 text file; a word list has one category a line") from None
    try:
        found = [clean_words(split_words(line)) for line in lines if not line.lstrip().startswith("#")]
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return [{"name": words[0], "prompt_name": joined_words(words), "synonyms": list(words)} for words in found if words]


def categories_from_records(name: str, records: Sequence[dict], *, source: str) -> CategoryList:
    """Builds a vocabulary from the `categories` of a json.

    Args:
        name: Name of the vocabulary.
        records: Objects with `name` and optional further fields of `Category`; LV-VIS's `partition`
            is read as base (0, 1) or novel (2, 3).
        source: Where they come from; error messages begin with it.

    Raises:
        InputError: A record without a name, an unknown value, or an id or name that occurs twice.
    """
    try:
        categories = [_category(record, i, source) for i, record in enumerate(records)]
    except InputError as error:
        raise error if str(error).startswith(source) else InputError(f"{source}: {error}") from None
    if not categories:
        raise InputError(f"{source}: the list of categories is empty; give at least one")
    for key in ("id", "name"):
        seen: dict = {}
        for position, category in enumerate(categories):
            value = category.id if key == "id" else clean_words([category.name])[0]
            if seen.setdefault(value, position) != position:
                raise InputError(
                    f"{source}: categories[{seen[value]}] and categories[{position}] have the same {key} {value!r}"
                )
    return CategoryList(name, source, tuple(sorted(categories, key=lambda c: c.id)))


def clean_words(words: Iterable[str]) -> tuple[str, ...]:
    """Words in Unicode's composed form with single blanks between their parts, without blank words and repeats.

    Marks that show nothing (a byte order mark, blanks without width) are dropped.

    Raises:
        InputError: A word has a control character.
    """
    cleaned = [" ".join(unicodedata.normalize("NFC", word.translate(_UNSEEN)).split()) for word in words]
    for word in cleaned:
        if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in word):
            raise InputError(f"the word {word[:40]!r} has a control character, or bytes that are not UTF-8")
    return tuple(dict.fromkeys(word for word in cleaned if word))


def split_words(text: str) -> list[str]:
    r"""Synonyms that commas part; `\,` is a comma inside a word.

    Example:
        >>> split_words(r"chair (office\, swivel), seat")
        ['chair (office, swivel)', ' seat']
    """
    return [word.replace(r"\,", ",") for word in re.split(r"(?<!\\),", text)]


def joined_words(words: Iterable[str]) -> str:
    """Words as one text that `split_words` takes apart."""
    return ",".join(word.replace(",", r"\,") for word in words)


def _category(record: object, position: int, source: str) -> Category:
    """One category of a json record, checked field by field."""
    where = f"{source}: categories[{position}]"
    if not isinstance(record, dict):
        raise InputError(f"{where} is not an object with a 'name'")
    name = record.get("name")
    if not isinstance(name, str) or not clean_words([name]):
        raise InputError(f"{where} has no 'name'; each category needs one")
    synonyms = record.get("synonyms") or ()
    if not isinstance(synonyms, list | tuple):
        raise InputError(f"{where} has synonyms that are no list")
    split = record.get("split")
    if split is None and type(record.get("partition")) is int:
        split = "base" if record["partition"] in (0, 1) else "novel"
    category = Category(
        id=record.get("id", position + 1),
        name=name,
        prompt_name=record.get("prompt_name", joined_words([name])),
        synonyms=tuple(synonyms),
        frequency=record.get("frequency"),
        split=split if split in ("base", "novel") else None,
        common=record.get("common", {"common": True, "uncommon": False}.get(str(split))),
        burst_id=record.get("burst_id"),
        distractor=bool(record.get("distractor", False)),
    )
    if type(category.id) is not int or not 0 <= category.id < 2**63:
        raise InputError(f"{where} has the id {category.id!r}; ids are whole numbers from 0")
    words = (category.prompt_name, *category.synonyms)
    if not all(isinstance(word, str) for word in words) or not clean_words(split_words(category.prompt_name)):
        raise InputError(f"{where} has a prompt_name or synonym that is not text")
    if category.frequency not in (None, "f", "c", "r"):
        raise InputError(f"{where} has frequency {category.frequency!r}; it must be f, c or r")
    return category
