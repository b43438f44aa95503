"""Emoji over a real video."""

from __future__ import annotations

import numpy as np
import pytest

from clipvis_core.foundation.errors import InputError
from projects.emojivis.emojivis import emoji_over, emoji_vocabulary

FRAMES = np.random.default_rng(0).integers(0, 255, (4, 120, 200, 3), np.uint8)


def test_the_video_stays_where_no_emoji_is():
    before = FRAMES.copy()
    clip = emoji_over(FRAMES, ["penguin", "fox", "fox"], seed=3)
    assert np.array_equal(FRAMES, before)
    names = [emoji_vocabulary().categories[label].name for label in clip.labels]
    assert names == ["penguin", "fox", "fox"]
    changed = (clip.frames != FRAMES).any(axis=-1)
    inside = clip.owners > 0
    assert inside.any(axis=(1, 2)).all()
    assert changed[inside].mean() > 0.97
    assert changed[~inside].mean() < 0.2  # soft edges, and motion blur around an object
    assert set(np.unique(clip.owners)) <= {0, 1, 2, 3}


def test_a_seed_fixes_the_clip():
    first, again, other = (emoji_over(FRAMES, ["key"], seed=seed).frames for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_wrong_name_is_answered_with_names_like_it():
    with pytest.raises(InputError, match=r"no emoji 'sports car' in EmojiVIS; there are .*car"):
        emoji_over(FRAMES, ["sports car"])
    with pytest.raises(InputError, match=r"emojivis\.json lists"):
        emoji_over(FRAMES, ["zyzzyva"])


@pytest.mark.parametrize("names", [[], ["dog"] * 33])
def test_too_few_and_too_many(names):
    with pytest.raises(InputError, match="give 1 to 32"):
        emoji_over(FRAMES, names)
