"""Versions, changelog and what the packages ask of each other agree."""

from __future__ import annotations

import re
import tomllib

PACKAGES = ("core", "data", "eval", "train")


def project(repo_root, name: str) -> dict:
    return tomllib.loads((repo_root / f"packages/clipvis-{name}/pyproject.toml").read_text())["project"]


def test_versions_changelog_and_siblings_agree(repo_root):
    newest = re.search(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", (repo_root / "CHANGELOG.md").read_text(), re.M)
    series = newest[1].rsplit(".", 1)[0]
    for name in PACKAGES:
        facts = project(repo_root, name)
        assert facts["version"] == newest[1], name
        siblings = [text.split("#")[0].strip() for text in facts["dependencies"] if text.startswith("clipvis-")]
        assert all(text.endswith(f"=={series}.*") for text in siblings), (name, siblings)


def test_each_package_has_what_a_registry_shows(repo_root):
    for name in PACKAGES:
        facts = project(repo_root, name)
        folder = repo_root / f"packages/clipvis-{name}"
        assert facts["license"] == "Apache-2.0"
        assert (folder / facts["license-files"][0]).read_text() == (repo_root / "LICENSE").read_text()
        assert (folder / facts["readme"]).read_text().startswith("# ")
        assert facts["urls"]
        assert "Programming Language :: Python :: 3.13" in facts["classifiers"]
