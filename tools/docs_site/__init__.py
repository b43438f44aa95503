"""What `make docs` makes of the repository: pages from code, and documents as pages. `mkdocs.yml` names `hooks.py`."""
