"""`clipvis studio`: a page on this machine to segment videos, ask other words, and take the results along."""

from __future__ import annotations

import argparse
import ipaddress
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from clipvis_core.foundation.errors import InputError

PORT = 7860
NEEDED = ("gradio", "fastapi", "uvicorn")


def main(arguments: Sequence[str]) -> int:
    """Serves the studio until somebody ends it; returns the exit code.

    Raises:
        InputError: Something the user gave cannot be used, or gradio is not installed.
    """
    args = parse_args(arguments)
    check_host(args.host, args.token)
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise InputError(f"the studio needs {missing[0]}: pip install 'clipvis-core[studio]'")
    root = Path(args.out_dir)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{root} cannot be made ({error.strerror}): choose another --out-dir") from None
    # Before gradio is imported: what it stores lies in the output folder, and it calls nobody.
    os.environ["GRADIO_TEMP_DIR"] = str((root / ".uploads").resolve())
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    from clipvis_core.command_line.studio.serving import serve

    serve(root, args.host, args.port, args.token)
    return 0


def parse_args(arguments: Sequence[str]) -> argparse.Namespace:
    """Options of the command."""
    parser = argparse.ArgumentParser("clipvis studio", description=__doc__)
    parser.add_argument("--out-dir", default="outputs", help="folder for the answers (default: outputs)")
    parser.add_argument("--port", type=int, default=PORT, help=f"default: {PORT}; 0 takes a free one")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen at; other than this machine's own only with --token"
    )
    parser.add_argument("--token", help="a secret that the address has to end with; at least 16 letters")
    return parser.parse_args(arguments)


def check_host(host: str, token: str | None) -> None:
    """Whether the studio may listen there.

    Raises:
        InputError: Others could reach it without a secret, or guess the secret.
    """
    try:
        is_own = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_own = False
    if not is_own and token is None:
        raise InputError(f"--host {host} lets others in: give a secret with --token, or leave --host out")
    if token is not None and (len(token) < 16 or not token.isascii() or not token.isalnum()):
        raise InputError("--token must have at least 16 letters and digits, for example of `openssl rand -hex 16`")
