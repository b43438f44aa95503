"""How many layers a decoder may have."""

from __future__ import annotations

from clipvis_core.foundation.errors import InputError

MOST_LAYERS = 100  # the published decoders have 6 and 9


def layer_range(num_layers: int) -> range:
    """The layers' indices.

    Raises:
        InputError: Not a number of layers that can be built: one of a config with a slip of the keyboard would fill
            the memory layer by layer.
    """
    if type(num_layers) is not int or not 1 <= num_layers <= MOST_LAYERS:
        raise InputError(f"num_layers is {num_layers!r}, not a whole number from 1 to {MOST_LAYERS}")
    return range(num_layers)
