"""The one exception type that means: what the user handed over has to change."""

from __future__ import annotations

MAX_LETTERS = 300
_GAP = " ... "
_MOST_OF_A_REASON = 200  # letters


class InputError(ValueError):
    """A mistake in the user's input: a file, an option or an argument.

    The message is one line of at most `MAX_LETTERS` that names the thing (file, record, field) and what to do about it;
    the command-line tools print it as it is and leave with exit code 2.
    """

    def __init__(self, message: str = "") -> None:
        if "Original Traceback" in message:  # torch repeats an error of a loader's worker with its traceback
            message = message.rpartition("Error: ")[2].strip()
        super().__init__(shortened(message))


def shortened(message: str, most: int = MAX_LETTERS) -> str:
    """A message on one line, its middle left out where it is too long: the thing stands first, the remedy last.

    >>> shortened("a.pth: no entry   b,\\nc, d, e, f, g: fetch it again", most=40)
    'a.pth: no entry ... g: fetch it again'
    """
    line = " ".join(message.split())
    if len(line) <= most:
        return line
    kept = most - len(_GAP)
    head, tail = line[: kept // 2], line[-(kept - kept // 2) :]
    words = head.rpartition(" ")[0] or head, tail.partition(" ")[2] or tail
    return _GAP.join(words)


def first_line(error: BaseException) -> str:
    """What another library says is wrong, for a message of ours: its first line, or else the kind of error.

    >>> first_line(RuntimeError("out of luck\\nat line 3")), first_line(KeyError())
    ('out of luck', 'KeyError')
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:_MOST_OF_A_REASON]
