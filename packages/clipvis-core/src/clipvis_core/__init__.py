"""CLIP-VIS as mmdet components: open-vocabulary video instance segmentation from a list of words.

Importing `clipvis_core.models` registers its parts with mmdet, so that configs can name them; this package itself
imports neither torch nor mmdet.

Letters for shapes, used everywhere in the package:

    B batch      T frames       Q queries    K categories   P prompt rows (one a synonym)
    C channels   D embedding    H, W size    N instances    S points
    L decoder layers            M remembered frames

Reference: Zhu, Cao, Xie, Yang, Pang, "CLIP-VIS: Adapting CLIP for Open-Vocabulary Video Instance
Segmentation", IEEE TCSVT 2024.
"""

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.mmcv_operators import stand_in_for_operators
from clipvis_core.foundation.vocabulary import Vocabulary

stand_in_for_operators()  # before anything here imports mmdet

__version__ = "0.2.0"
__all__ = ["InputError", "Vocabulary"]
