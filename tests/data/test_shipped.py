import os
from pathlib import Path

import pytest

from textgen.data.shipped import TEXTS, find_corpus, shipped_corpus, shipped_texts
from textgen.errors import CorpusError

CORPORA = Path(__file__).parents[2] / "corpora"


def test_the_texts_listed_are_those_of_the_folder() -> None:
    assert list(TEXTS) == sorted(p.stem for p in CORPORA.iterdir() if p.suffix in (".txt", ".abc"))


@pytest.mark.parametrize("name", TEXTS)
def test_the_shipped_texts_are_found_and_long_enough(name: str) -> None:
    assert len(shipped_corpus(name).read_text(encoding="utf-8")) > 30_000


def test_what_is_said_of_a_text_is_counted_in_it() -> None:
    texts = {text.name: text for text in shipped_texts()}
    assert list(texts) == list(TEXTS)
    assert (texts["numerals"].characters, texts["numerals"].lines) == (172_217, 4000)
    assert (texts["sequences"].characters, texts["sequences"].lines) == (233_205, 12_000)
    for text in texts.values():
        assert text.path.read_bytes().count(b"\n") == text.lines
        assert len(text.path.read_text(encoding="utf-8")) == text.characters


def test_a_name_is_that_of_a_shipped_text_only_where_nothing_is_called_so(own_folder: Path) -> None:
    name = Path("names")
    assert find_corpus(name) == CORPORA / "names.txt"
    name.symlink_to("nowhere")
    assert find_corpus(name) == name  # a link that is broken is the user's to mend
    name.unlink()
    os.mkfifo(name)
    assert find_corpus(name) == name
    name.unlink()
    name.mkdir()
    assert find_corpus(name) == name


def test_only_a_name_without_a_folder_is_that_of_a_shipped_text(own_folder: Path) -> None:
    for path in (Path("books/names"), own_folder / "names", Path("../names")):
        assert find_corpus(path) == path  # for the reader to find missing


@pytest.mark.parametrize("name", ["nmaes", "names.txt", "Names", "\0", "n" * 300])
def test_a_name_that_is_nothing_gets_the_names_that_there_are(name: str, own_folder: Path) -> None:
    with pytest.raises(CorpusError, match=r"no such file or folder.*\(fables, names, narration, "):
        find_corpus(Path(name))


def test_a_text_that_does_not_ship_is_named() -> None:
    with pytest.raises(CorpusError, match=r"sonnets.*does not ship"):
        shipped_corpus("sonnets")
