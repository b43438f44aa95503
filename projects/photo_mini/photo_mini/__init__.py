"""Parts of `build_photo_mini.py`."""
