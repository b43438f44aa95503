"""What the hooks give the model before a run and before a validation."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from mmengine.model import BaseModule

from clipvis_core import Vocabulary
from clipvis_core.models.vocabulary_hook import VocabularyHook
from clipvis_train.hooks import InitialWeightsHook


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


class Fetching(BaseModule):
    """An encoder that would fetch its weights, or a head that draws its own."""

    def __init__(self):
        super().__init__()
        self.fetched = 0

    def init_weights(self):
        self.fetched += 1


class Parts(BaseModule):
    """A model with an encoder and a head."""

    def __init__(self):
        super().__init__()
        self.backbone, self.head = Fetching(), Fetching()


@pytest.mark.parametrize(("resume", "fetched"), [(False, 1), (True, 0)])
def test_a_resumed_run_does_not_fetch_the_encoders_weights(resume, fetched):
    model = Parts()
    runner = SimpleNamespace(model=model, _resume=resume, _load_from=None)
    InitialWeightsHook().before_run(runner)
    model.init_weights()
    assert (model.backbone.fetched, model.head.fetched) == (fetched, 1)
