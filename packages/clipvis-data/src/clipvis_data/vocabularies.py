"""Category lists of the benchmarks, by name."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from clipvis_core.foundation.categories import CategoryList, categories_from_records, read_categories
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.json_files import read_json
from clipvis_core.foundation.vocabulary import Vocabulary

_LISTS = Path(str(resources.files(__package__))) / "vocabulary_lists"


def available_vocabularies() -> tuple[str, ...]:
    """Names of the lists that come with the package."""
    return tuple(sorted(path.stem for path in _LISTS.glob("*.json")))


def load_vocabulary(name_or_path: str | Path) -> CategoryList:
    """Loads a category list.

    Args:
        name_or_path: A name of `available_vocabularies()`, or a file as `read_categories` takes it.

    Raises:
        InputError: No such list or file, or a file that does not hold a category list.

    Example:
        >>> vocabulary = load_vocabulary("ytvis2019")
        >>> len(vocabulary), vocabulary.names[1], len(vocabulary.group("novel"))
        (40, 'giant_panda', 7)
    """
    if str(name_or_path) in available_vocabularies():
        data = read_json(_LISTS / f"{name_or_path}.json")
        return categories_from_records(str(name_or_path), data["categories"], source=data["source"])
    if not Path(name_or_path).is_file():
        known = ", ".join(available_vocabularies())
        raise InputError(f"no vocabulary {str(name_or_path)!r}: give one of {known}, or a file")
    return read_categories(name_or_path)


def benchmark_words(name_or_path: str | Path) -> Vocabulary:
    """The words of a category list as the published systems use them; what `clipvis --vocabulary NAME` takes.

    Raises:
        InputError: As `load_vocabulary`.
    """
    return Vocabulary.from_categories(load_vocabulary(name_or_path).prompts())


def dataset_vocabulary(path: str | Path, data: dict, vocabulary: str | Path | None) -> CategoryList:
    """Categories of an annotation file, checked against a vocabulary if one is asked for.

    Args:
        path: The file, for messages.
        data: Its content.
        vocabulary: Name or file of the vocabulary (see `load_vocabulary`), or None to take the file's `categories`.

    Raises:
        InputError: The file's `categories` differ from the vocabulary in an id or a name (capitals aside).
    """
    records = data.get("categories")
    if vocabulary is None and not isinstance(records, list):
        raise InputError(f"{path}: has no list 'categories'; name a vocabulary in the dataset's config")
    expected = None if vocabulary is None else load_vocabulary(vocabulary)
    if expected is not None and not records:
        return expected
    found = categories_from_records(Path(path).stem, records, source=str(path))
    if expected is None:
        return found
    names = dict(zip(expected.ids, expected.names, strict=True))
    for category in found.categories:
        name = names.pop(category.id, None)
        if name is None or name.lower() != category.name.lower():
            raise InputError(
                f"{path}: category id {category.id} is {category.name!r}, but vocabulary {expected.name} has {name!r}; "
                "give the vocabulary that belongs to the file, or None to use its own categories"
            )
    if names:
        missing = min(names)
        raise InputError(f"{path}: category id {missing} ({names[missing]!r}) of vocabulary {expected.name} is missing")
    return expected
