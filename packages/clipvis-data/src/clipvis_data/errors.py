"""The one exception type that means: what the user handed over has to change."""


class InputError(ValueError):
    """A mistake in the user's input: a file, a record of it, or an option.

    The message is one line that names the thing (file, record, field) and what to do about it.
    """
