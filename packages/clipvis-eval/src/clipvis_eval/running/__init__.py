"""Testing that survives a kill: a store of finished videos, and the loop that fills it."""

from .result_store import ResultStore
from .test_loop import ResumableTestLoop

__all__ = ["ResultStore", "ResumableTestLoop"]
