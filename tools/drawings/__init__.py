"""The pictures of docs/method.md, as SVG; `tools/draw_method.py` writes them."""
