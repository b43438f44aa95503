"""EmojiVIS: an open-vocabulary video benchmark that is drawn, not downloaded.

Sprites of two emoji sets move over textured backgrounds. A clip is fixed by seed, split and number.
Configs register the datasets by importing `.datasets`, and the training of a small CLIP by importing `.contrastive`.
"""

from .overlay import emoji_over
from .scenes import SceneOptions
from .sprites import load_sprites
from .vocabulary import EMOJI_LIST, emoji_vocabulary
from .world import SPLITS, Clip, EmojiWorld
from .writing import write_emojivis

__all__ = [
    "EMOJI_LIST",
    "SPLITS",
    "Clip",
    "EmojiWorld",
    "SceneOptions",
    "emoji_over",
    "emoji_vocabulary",
    "load_sprites",
    "write_emojivis",
]
