"""Logging for TensorBoard, for runs that ask for it."""

from __future__ import annotations

from mmengine.config import Config

from clipvis_core import InputError

BACKEND = "TensorboardVisBackend"


def add_tensorboard(config: Config) -> None:
    """Adds mmengine's TensorBoard backend to a config, beside those it has."""
    visualizer = config.setdefault("visualizer", dict(type="Visualizer", vis_backends=[dict(type="LocalVisBackend")]))
    if not any(backend["type"] == BACKEND for backend in visualizer["vis_backends"]):
        visualizer["vis_backends"] = [*visualizer["vis_backends"], dict(type=BACKEND)]


def check_tensorboard(config: Config) -> None:
    """Raises InputError if a config asks for TensorBoard and the package is not installed."""
    backends = config.get("visualizer", {}).get("vis_backends") or []
    if not any(backend["type"] == BACKEND for backend in backends):
        return
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        raise InputError(
            "TensorBoard is not installed: pip install 'clipvis-train[tensorboard]', or leave it out"
        ) from None
