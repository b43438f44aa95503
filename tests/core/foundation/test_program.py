"""How a program ends: its mistakes in one line, its output refused, Ctrl-C at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clipvis_core.foundation.errors import MAX_LETTERS, InputError, shortened
from clipvis_core.foundation.program import leaving_on_interrupt

START = "import sys, time; from clipvis_core.foundation.program import leaving_on_interrupt, run\n"


def heed_interrupts() -> None:
    """Also where the tests themselves run in the background of a shell, which ignores Ctrl-C there."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def program(body: str, **options) -> subprocess.Popen:
    code = f"{START}def main():\n    {body}\nrun(main, ValueError)"
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, **options)


def test_a_long_message_keeps_its_beginning_and_its_remedy():
    message = f"weights.pth does not fit: {', '.join(f'layer.{i}.weight' for i in range(200))}\n: use another config"
    line = str(InputError(message))
    assert len(line) <= MAX_LETTERS
    assert line.startswith("weights.pth does not fit: layer.0.weight, ")
    assert line.endswith(": use another config")
    assert str(InputError(line)) == line
    assert shortened("x" * 1000).count("x") > 200


def test_every_message_is_one_line_of_300_letters():
    process = program("raise ValueError('a' + '\\n b' * 400 + ': do this')")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.endswith(": do this\n")
    assert len(errors.removeprefix("error: ")) <= MAX_LETTERS + 1
    assert errors.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("letters", [10, 100_000])
def test_an_output_that_takes_nothing(letters):
    """At the end, when what is buffered is written, or in the midst of the program."""
    with open("/dev/full", "w") as full:
        process = program(f"print('x' * {letters})", stdout=full)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors == "error: standard output cannot be written (No space left on device): send it to another place\n"


@pytest.mark.parametrize(
    ("body", "code"), [("print('x')", 0), ("print('x'); return 7", 7), ("raise ValueError('y')", 2)]
)
def test_leaving_at_once_loses_no_output(body, code):
    """And nothing of the interpreter's end is done."""
    body = f"import atexit; atexit.register(print, 'late'); {body}"
    text = f"{START}def main():\n    {body}\nrun(main, ValueError, at_once=lambda: True)"
    process = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)
    assert process.returncode == code
    assert (process.stdout, process.stderr) == (("", "error: y\n") if code == 2 else ("x\n", ""))


def test_a_closed_output_and_a_reader_that_has_gone():
    process = program("print('x')", preexec_fn=lambda: os.close(1))
    assert (process.communicate(timeout=60)[1], process.returncode) == ("", 0)
    reading, writing = os.pipe()
    os.close(reading)
    process = program("print('x')", stdout=writing)
    os.close(writing)
    assert (process.communicate(timeout=60)[1], process.returncode) == ("", 0)


def test_other_faults_of_the_system_keep_their_traceback():
    process = program("open('/nowhere/x')")
    assert "FileNotFoundError" in process.communicate(timeout=60)[1]
    assert process.returncode == 1


BODY = "time.sleep(60)"
IMPORT = """with leaving_on_interrupt():
        try: time.sleep(60)
        except: pass"""


OTHER_ERROR = """try: time.sleep(60)
    except: raise SyntaxError('no config')"""


@pytest.mark.parametrize("body", [BODY, IMPORT, OTHER_ERROR])
def test_ctrl_c_is_one_word(body):
    """In the body of a program, and in a library that swallows exceptions or makes others of them."""
    process = program(f"print('here', flush=True)\n    {body}", stdout=subprocess.PIPE, preexec_fn=heed_interrupts)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1] == "interrupted\n"
    assert process.returncode == 130


def test_the_handler_is_put_back():
    before = signal.getsignal(signal.SIGINT)
    with leaving_on_interrupt():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
