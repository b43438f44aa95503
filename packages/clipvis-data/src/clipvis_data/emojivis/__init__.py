"""EmojiVIS: an open-vocabulary video benchmark that is drawn, not downloaded.

Sprites of two emoji sets move over textured backgrounds. A clip is fixed by seed, split and number.
"""

from .overlay import emoji_over
from .scenes import SceneOptions
from .sprites import load_sprites
from .world import SPLITS, Clip, EmojiWorld

__all__ = ["SPLITS", "Clip", "EmojiWorld", "SceneOptions", "emoji_over", "load_sprites"]
