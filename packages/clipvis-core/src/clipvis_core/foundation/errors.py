"""The one exception type that means: what the user handed over has to change."""


class InputError(ValueError):
    """A mistake in the user's input: a file, an option or an argument.

    The message is one line that names the thing (file, record, field) and what to do about it; the
    command-line tools print it as it is and leave with exit code 2.
    """

    def __init__(self, message: str = "") -> None:
        if "Original Traceback" in message:  # torch repeats an error of a loader's worker with its traceback
            message = message.rpartition("Error: ")[2].strip()
        super().__init__(message)
