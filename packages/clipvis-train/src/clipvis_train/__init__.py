"""Training of CLIP-VIS: hooks, optimizer and launching for the mmengine runner.

Importing `clipvis_train.hooks` registers them; this package itself imports nothing.
"""

__version__ = "0.2.0"
