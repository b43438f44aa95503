"""The category lists of the package, and lists that users bring."""

from __future__ import annotations

import json

import pytest

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_data.vocabularies import available_vocabularies, load_vocabulary

COUNTS = {
    "lvis_v1": 1203,
    "coco2017": 80,
    "ytvis2019": 40,
    "ytvis2021": 40,
    "ovis": 25,
    "lvvis": 1196,
    "burst": 482,
}
GROUP_COUNTS = {
    "lvis_v1": {"base": 866, "novel": 337, "frequent": 405, "common": 461, "rare": 337},
    "ytvis2019": {"base": 33, "novel": 7},
    "ytvis2021": {"base": 34, "novel": 6},
    "lvvis": {"base": 641, "novel": 555},
    "burst": {"base": 386, "novel": 96, "common": 64, "uncommon": 418, "frequent": 195, "rare": 96, "distractor": 42},
    "ovis": {},
    "coco2017": {},
}


def test_all_lists_are_there():
    assert set(available_vocabularies()) == set(COUNTS)


@pytest.mark.parametrize("name", COUNTS)
def test_counts_and_groups(name):
    vocabulary = load_vocabulary(name)
    assert len(vocabulary) == COUNTS[name]
    assert vocabulary.source
    groups = {group: len(ids) for group, ids in vocabulary.groups.items()}
    expected = GROUP_COUNTS[name]
    assert groups == expected
    assert vocabulary.ids == tuple(sorted(vocabulary.ids))
    assert vocabulary.id_to_label[vocabulary.ids[-1]] == len(vocabulary) - 1


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_lists_equal_the_reference(name, reference_dir):
    records = json.loads((reference_dir / "vocabularies" / f"{name}.json").read_text())["categories"]
    vocabulary = load_vocabulary(name)
    assert [(c.id, c.name) for c in vocabulary.categories] == [(r["id"], r["name"]) for r in records]
    for category, record in zip(vocabulary.categories, records, strict=True):
        assert category.frequency == record.get("frequency")
        assert category.prompt_name == record.get("prompt_name", record["name"])
        assert category.synonyms == tuple(record.get("synonyms", ()))
        if name.startswith("ytvis"):
            assert (category.split == "novel") == record["novel"]
        elif name == "lvvis":
            assert category.split == record["split"]
        elif name == "burst":
            assert category.burst_id == record["burst_id"]
            assert category.distractor == record["distractor"]
            assert category.common == (record["split"] == "common")


def test_ids_with_holes_map_by_rank():
    coco = load_vocabulary("coco2017")
    assert coco.id_to_label[13] == 11
    assert coco.id_to_label[90] == 79


def test_published_prompts_keep_underscores_and_one_word_a_category():
    lvis = load_vocabulary("lvis_v1")
    published = lvis.prompts()
    assert published[0] == ("aerosol_can",)
    assert published[161] == ("horned_cow",)  # the one id whose prompt differs from its name, bull
    assert {len(words) for words in published} == {1}
    assert lvis.prompts("all")[0] == ("aerosol_can", "spray_can")
    assert lvis.prompts("all")[161] == ("horned_cow", "bull")
    assert lvis.prompts(readable=True)[0] == ("aerosol can",)
    with pytest.raises(InputError, match="synonyms must be"):
        lvis.prompts("some")


def test_an_unknown_group_names_the_known_ones():
    with pytest.raises(InputError, match="no group 'rare'; it has: base, novel"):
        load_vocabulary("ytvis2019").group("rare")


def test_word_list(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("# pets\ndog, puppy ,\n\n  # more\ncat\nk\u00e4fer  #2\n", encoding="utf-8-sig")
    vocabulary = load_vocabulary(path)
    assert vocabulary.names == ("dog", "cat", "k\u00e4fer #2")
    assert vocabulary.ids == (1, 2, 3)
    assert vocabulary.prompts() == (("dog", "puppy"), ("cat",), ("k\u00e4fer #2",))
    assert Vocabulary.from_file(path).categories == vocabulary.prompts()  # --classes-file reads what --vocabulary does


def test_json_of_the_same_form_and_annotation_files(tmp_path):
    path = tmp_path / "mine.json"
    categories = [{"id": 7, "name": "b", "partition": 3}, {"id": 2, "name": "a", "synonyms": ["aa"]}]
    path.write_text(json.dumps({"categories": categories}))
    vocabulary = load_vocabulary(path)
    assert vocabulary.names == ("a", "b")
    assert vocabulary.group("novel") == (7,)
    assert vocabulary.prompts("all") == (("a", "aa"), ("b",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid json"),
        ("[]", "no list 'categories'"),
        ('{"categories": []}', "list of categories is empty"),
        ('{"categories": ["dog"]}', r"categories\[0\] is not an object"),
        ('{"categories": [{"id": 1}]}', r"categories\[0\] has no 'name'"),
        ('{"categories": [{"name": " "}]}', r"categories\[0\] has no 'name'"),
        ('{"categories": [{"name": "a", "id": "1"}]}', "has the id '1'"),
        ('{"categories": [{"name": "a", "synonyms": [1]}]}', "synonym that is not text"),
        ('{"categories": [{"name": "a", "frequency": "x"}]}', "must be f, c or r"),
        ('{"categories": [{"name": "a"}, {"name": "a"}]}', "same name 'a'"),
        ('{"categories": [{"name": "a", "id": 2}, {"name": "b"}]}', "same id 2"),
    ],
)
def test_bad_files_are_named(tmp_path, text, message):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_vocabulary(path)
    assert str(path) in str(caught.value)


def test_neither_name_nor_file():
    with pytest.raises(InputError, match="no vocabulary 'ytvis': give one of burst, coco2017"):
        load_vocabulary("ytvis")


def test_binary_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not a UTF-8 text file"):
        load_vocabulary(path)
