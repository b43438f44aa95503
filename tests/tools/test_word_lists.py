"""`clipvis --classes-file F` and `--vocabulary F` read a file the same way."""

from __future__ import annotations

from argparse import Namespace

from clipvis_core.command_line.words import read_words


def test_both_options_read_a_word_list_alike(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("# pets\ndog, puppy\n\nC# book,  sheet   music\n", encoding="utf-8-sig")
    options = {"classes": None, "classes_file": None, "vocabulary": None}
    found = [read_words(Namespace(**options | {option: str(path)})) for option in ("classes_file", "vocabulary")]
    assert [vocabulary.categories for vocabulary in found] == [(("dog", "puppy"), ("C# book", "sheet music"))] * 2
