"""Words from the command line, lists and files."""

from __future__ import annotations

import json

import pytest

from clipvis_core import InputError, Vocabulary


def test_text_form():
    vocabulary = Vocabulary.from_text(" dog,  puppy ; hot  dog;;person ; ")
    assert vocabulary.categories == (("dog", "puppy"), ("hot dog",), ("person",))
    assert vocabulary.names == ("dog", "hot dog", "person")
    assert vocabulary.category_of_synonym == (0, 0, 1, 2)
    assert len(vocabulary) == 3


def test_underscores_and_case_are_kept():
    assert Vocabulary.from_categories(["Giant_panda", "bus_(vehicle)"]).names == ("Giant_panda", "bus_(vehicle)")


def test_repeated_synonym_of_one_category_counts_once():
    assert Vocabulary.from_categories(["dog, dog"]).synonyms == ("dog",)


@pytest.mark.parametrize("text", ["", " ; ; ", "\t"])
def test_empty(text):
    with pytest.raises(InputError, match="empty"):
        Vocabulary.from_text(text)


@pytest.mark.parametrize("text", ["dog; cat; Dog", "dog, puppy; puppy"])
def test_duplicates_are_named(text):
    with pytest.raises(InputError, match="stands in two categories"):
        Vocabulary.from_text(text)


def test_category_without_a_name():
    with pytest.raises(InputError, match="category 2"):
        Vocabulary.from_categories(["dog", " , "])


def test_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("\ufeff# animals\ndog, puppy\n\nchien à poil ras\n犬\nC# book\n", encoding="utf-8")
    assert Vocabulary.from_file(path).names == ("dog", "chien à poil ras", "犬", "C# book")


def test_json_file(tmp_path):
    path = tmp_path / "words.json"
    path.write_text('\ufeff{"categories": [{"name": "chair, red"}, {"name": "cat"}]}', encoding="utf-8")
    assert Vocabulary.from_file(path).categories == (("chair, red",), ("cat",))  # a name in a json is one name


def test_commas_in_words_and_marks_that_nobody_sees(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("chair \\, red, seat\n\u200bcafe\u0301\n", encoding="utf-8")
    assert Vocabulary.from_file(path).categories == (("chair , red", "seat"), ("caf\u00e9",))
    path.write_text("dog\ncafe\u0301\ncaf\u00e9\n", encoding="utf-8")
    with pytest.raises(InputError, match="same name"):
        Vocabulary.from_file(path)
    path.write_text("dog\0\n")
    with pytest.raises(InputError, match="control character"):
        Vocabulary.from_file(path)


def test_a_word_in_two_categories_of_a_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("dog, puppy\nwolf, Puppy\n")
    with pytest.raises(InputError, match=r"words.txt: 'puppy' stands in two categories"):
        Vocabulary.from_file(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "words.txt: the list of categories is empty"), (b"\xff\xfe\x00d", "not a UTF-8 text")],
)
def test_bad_file(tmp_path, content, message):
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        Vocabulary.from_file(path)


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(InputError, match=r"cannot be read"):
            Vocabulary.from_file(path)


def test_json_counts_from_one_and_is_read_back(tmp_path):
    vocabulary = Vocabulary((("dog", "puppy"), ("é",), ("chair, swivel",)))
    categories = json.loads(vocabulary.to_json())["categories"]
    assert categories == [
        {"id": 1, "name": "dog", "prompt_name": "dog,puppy", "synonyms": ["dog", "puppy"]},
        {"id": 2, "name": "é", "prompt_name": "é", "synonyms": ["é"]},
        {"id": 3, "name": "chair, swivel", "prompt_name": "chair\\, swivel", "synonyms": ["chair, swivel"]},
    ]
    (tmp_path / "words.json").write_text(vocabulary.to_json(), encoding="utf-8")
    assert Vocabulary.from_file(tmp_path / "words.json") == vocabulary
