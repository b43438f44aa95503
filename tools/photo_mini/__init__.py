"""Parts of `tools/build_photo_mini.py`."""
