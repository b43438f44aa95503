"""The prompt templates a category name is put into (docs/model.md, equation 11)."""

from __future__ import annotations

from itertools import product

_SIZES = ("small", "medium", "large")

#: The 14 templates of the published system, in its order; four of them have no final full stop.
TEMPLATES: tuple[str, ...] = (
    "a photo of a {}.",
    "This is a photo of a {}",
    "There is a {} in the scene",
    "There is the {} in the scene",
    "a photo of a {} in the scene",
    *(
        form.format(size)
        for form, size in product(
            ("a photo of a {} {{}}.", "This is a photo of a {} {{}}.", "There is a {} {{}} in the scene."), _SIZES
        )
    ),
)


def fill_templates(word: str, templates: tuple[str, ...] = TEMPLATES) -> list[str]:
    """`word` in each template, in order.

    Example:
        >>> fill_templates("dog")[5]
        'a photo of a small dog.'
    """
    return [template.replace("{}", word) for template in templates]
