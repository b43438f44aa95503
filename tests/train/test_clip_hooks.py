"""What the vocabulary hook gives the model before a validation or test."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from clipvis_core import Vocabulary
from clipvis_core.models.vocabulary_hook import VocabularyHook


class Model:
    """Remembers its words."""

    def set_vocabulary(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary


@pytest.fixture
def runner():
    def loader(*prompts):
        return SimpleNamespace(dataset=SimpleNamespace(metainfo={"prompts": prompts}))

    return SimpleNamespace(
        model=Model(), val_dataloader=loader(("dog", "puppy"), ("cat",)), test_dataloader=loader(("swan",))
    )


def test_the_model_gets_the_words_of_the_set_it_is_evaluated_on(runner):
    hook = VocabularyHook()
    hook.before_val(runner)
    assert runner.model.vocabulary == Vocabulary.from_categories([("dog", "puppy"), ("cat",)])
    hook.before_test(runner)
    assert runner.model.vocabulary == Vocabulary.from_categories(["swan"])


def test_class_agnostic_evaluation_has_one_word(runner):
    VocabularyHook(class_agnostic=True).before_val(runner)
    assert runner.model.vocabulary == Vocabulary.from_categories(["object"])
