"""Commands for users; programs in `tools/` call them."""
