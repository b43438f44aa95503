"""Models and configs by name."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub
import pytest

from clipvis_core.foundation.errors import InputError
from clipvis_core.model_zoo import find_config, find_model, find_weights, zoo


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CLIPVIS_WEIGHTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", list(zoo()))
def test_every_entry_has_its_configs_and_facts(name):
    model = find_model(name)
    assert model.config.is_file()
    assert model.image_config.is_file()
    assert model.knows
    assert model.licence
    assert model.is_published == (name.startswith("clipvis_"))
    assert not model.is_published or len(model.results) == 6


def test_shipped_weights_are_found_from_any_folder():
    assert find_weights("photo-mini").name == "photo_mini.safetensors"


def test_missing_weights_say_where_from_and_where_to(tmp_path):
    with pytest.raises(InputError) as error:
        find_weights("clipvis_r50_lvis")
    line = str(error.value)
    assert "https://drive.google.com/file/d/1taVBPVTX-MVQkp5nc0QgreiaJqFhYgtJ/view" in line
    assert str(tmp_path / "clipvis_r50_lvis.pth") in line
    assert "\n" not in line


def test_downloaded_weights_are_found(tmp_path):
    (tmp_path / "clipvis_r50_lvis.pth").write_bytes(b"")
    assert find_weights("clipvis_r50_lvis") == tmp_path / "clipvis_r50_lvis.pth"


def test_unknown_model_lists_the_known():
    with pytest.raises(InputError, match=r"no model 'photomini'.*photo-mini, clipvis-nano"):
        find_model("photomini")


@pytest.mark.parametrize(
    "name", ["video/clipvis_r50_lvis", "video/clipvis_r50_lvis.py", "configs/video/clipvis_r50_lvis.py"]
)
def test_config_by_name_from_anywhere(repo_root, name):
    assert find_config(name) == repo_root / "configs/video/clipvis_r50_lvis.py"


def test_a_file_of_the_user_comes_first(tmp_path):
    (tmp_path / "video").mkdir()
    (tmp_path / "video" / "clipvis_r50_lvis.py").write_text("")
    assert find_config("video/clipvis_r50_lvis.py") == Path("video/clipvis_r50_lvis.py")


@pytest.mark.parametrize("name", ["video/nothing", "../tools/train", "/etc/passwd.py", ""])
def test_unknown_config(name):
    with pytest.raises(InputError, match="not found"):
        find_config(name)


def test_weights_from_the_hub(monkeypatch, tmp_path):
    asked = []

    def download(repository, file):
        asked.append((repository, file))
        return str(tmp_path / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(huggingface_hub, "list_repo_files", lambda repository: ["README.md", "a.safetensors"])
    assert find_weights("hf://somebody/model") == tmp_path / "a.safetensors"
    assert find_weights("hf://somebody/model/b.pth") == tmp_path / "b.pth"
    assert asked == [("somebody/model", "a.safetensors"), ("somebody/model", "b.pth")]
    monkeypatch.setattr(huggingface_hub, "list_repo_files", lambda repository: ["a.pth", "b.pth"])
    with pytest.raises(InputError, match=r"2 files of weights \(a\.pth, b\.pth\)"):
        find_weights("hf://somebody/model")
    with pytest.raises(InputError, match="no address"):
        find_weights("hf://somebody")


def test_a_hub_that_cannot_be_reached_is_one_line(monkeypatch):
    def unreachable(*_):
        raise ConnectionError("[Errno -3] Temporary failure in name resolution\nmore")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    with pytest.raises(InputError, match=r"could not be downloaded \(.*resolution\): check the name and the network"):
        find_weights("hf://somebody/model/b.pth")
