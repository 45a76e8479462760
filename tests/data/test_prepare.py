import hashlib
from pathlib import Path

import numpy as np
import pytest

from textgen.data import prepare as module
from textgen.data import token_writer
from textgen.data.prepare import PreparedText, prepare_text
from textgen.data.source_rules import SourceRules
from textgen.data.text_rules import TextRules
from textgen.data.tokens import open_tokens
from textgen.data.vocabulary import END, Vocabulary
from textgen.errors import CorpusError, SettingError, UsageError


def prepared(
    tmp_path: Path, *texts: str, name: str = "{}.txt", **rules: object
) -> tuple[PreparedText, str, str]:
    """Return what was prepared, and the training and the validation part, with | for the end."""
    paths = [tmp_path / name.format(number) for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    made = prepare_text(paths, TextRules(**rules), tmp_path / "tokens")  # type: ignore[arg-type]
    count = made.training_ids + made.validation_ids
    tokens = open_tokens(tmp_path / "tokens", count, len(made.vocabulary), made.tokens_sha256)
    text = made.vocabulary.decode(tokens).replace(END, "|")
    assert not list(tmp_path.glob(".tmp-*"))
    return made, text[: made.training_ids], text[made.training_ids :]


def poems(count: int) -> list[str]:
    return [f"poem {number} begins\nand goes on.\n" for number in range(count)]


def test_one_text_is_split_at_nine_tenths(tmp_path: Path) -> None:
    text = "A paragraph of prose.\n\nAnother one, with more words.\n" * 40
    made, training, validation = prepared(tmp_path, text)
    cut = len(text) * 9 // 10
    assert (training, validation) == (text[:cut], text[cut:])
    assert made.vocabulary.characters == "".join(sorted(set(text)))
    assert made.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert made.documents == 0


@pytest.mark.parametrize("at_once", [7, 2**20])
def test_documents_stand_whole_between_end_symbols(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(token_writer, "AT_ONCE", at_once)
    texts = poems(40)
    made, training, validation = prepared(tmp_path, *texts, documents="file")
    assert made.vocabulary.characters.endswith(END)
    assert made.documents == 40
    for part in (training, validation):
        assert part[0] == part[-1] == "|"
    documents = [*training[1:-1].split("|"), *validation[1:-1].split("|")]
    assert sorted(documents) == sorted(text.rstrip("\n") for text in texts)
    assert 3 <= validation.count("|") - 1 <= 5
    assert made.reason.endswith("of 40 documents, drawn by the seed")


def test_repeated_documents_are_never_on_both_sides_and_can_be_dropped(tmp_path: Path) -> None:
    lines = "".join(f"line {number % 30}\n" for number in range(300))
    _, training, validation = prepared(tmp_path, lines, documents="line")
    assert not set(training[1:-1].split("|")) & set(validation[1:-1].split("|"))
    made, training, validation = prepared(tmp_path, lines, documents="line", drop_repeats=True)
    documents = [*training[1:-1].split("|"), *validation[1:-1].split("|")]
    assert sorted(documents) == sorted({f"line {number}" for number in range(30)})
    assert made.notes == ("left out 270 documents that equal an earlier one",)


def test_repeated_files_are_dropped_from_one_whole_text(tmp_path: Path) -> None:
    made, training, validation = prepared(tmp_path, *poems(25), *poems(25), drop_repeats=True)
    assert made.notes == (
        "left out 25 files and records that equal an earlier one",
        "the text is made of 25 files; --documents file makes each of them a document",
    )
    assert (training + validation).count("begins") == 25


def test_newlines_between_documents_are_no_characters_of_the_text(tmp_path: Path) -> None:
    lines = "".join(f"line {number}\n" for number in range(40))
    made, *_ = prepared(tmp_path, lines, documents="line")
    assert "\n" not in made.vocabulary
    made, *_ = prepared(tmp_path, *poems(20), documents="file")
    assert "\n" in made.vocabulary


@pytest.mark.parametrize("documents", ["whole", "line"])
def test_a_rule_that_makes_all_characters_rare_is_refused(tmp_path: Path, documents: str) -> None:
    with pytest.raises(SettingError, match="rare must be at most 60, got 99: it leaves no char"):
        prepared(tmp_path, "aba\n" * 30, rare=99, documents=documents)


@pytest.mark.parametrize(
    "rules", [{"field": "text"}, {"skip_broken": True}, {"field": "text", "skip_broken": True}]
)
def test_rules_for_records_are_refused_where_there_are_none(
    tmp_path: Path, rules: dict[str, object]
) -> None:
    source = SourceRules(**rules)  # type: ignore[arg-type]
    table = "text\n" + "".join(f"row {number} of the table\n" for number in range(30))
    with pytest.raises(UsageError, match=r"is for records, but the text is none of json, jsonl"):
        prepared(tmp_path, table, source=source)
    prepared(tmp_path, table, name="{}.csv", source=source)
    # The text to validate on may be of another kind.
    prepared(tmp_path, table, name="{}.csv", source=source, validation=str(tmp_path / "0.txt"))


def test_rare_characters_become_unknown(tmp_path: Path) -> None:
    text = "plain words of prose\n\n" * 50 + "\u0192" * 3 + "x" * 10
    made, training, validation = prepared(tmp_path, text, rare=4)
    assert "\u0192" not in made.vocabulary
    assert "x" in made.vocabulary
    assert (training + validation).count("\ufffd") == 3
    assert made.notes == ("1 characters are rarer than 4 and become unknown",)


def test_another_text_can_be_validated_on(tmp_path: Path) -> None:
    (tmp_path / "held.txt").write_text("other words, held out ~\n")
    text = "these words are trained on\n\n" * 20
    made, training, validation = prepared(tmp_path, text, validation=str(tmp_path / "held.txt"))
    assert training == text
    unknown = set("other words, held out ~\n") - set(text)
    wanted = "other words, held out ~\n"
    assert validation == "".join("\ufffd" if one in unknown else one for one in wanted)
    assert "held.txt" in made.reason


def test_a_share_of_another_size_can_be_held_out(tmp_path: Path) -> None:
    text = "A paragraph of prose.\n\nAnother one, with more words.\n" * 40
    _, training, validation = prepared(tmp_path, text, validation=0.25)
    assert len(validation) == len(text) // 4
    assert training + validation == text


def test_rows_are_documents(tmp_path: Path) -> None:
    rows = "id,tweet\n" + "".join(f'{n},"tweet {n}\nof two lines"\n' for n in range(30))
    made, training, validation = prepared(tmp_path, rows, name="{}.csv", documents="row")
    documents = [*training[1:-1].split("|"), *validation[1:-1].split("|")]
    assert sorted(documents) == sorted(f"tweet {n}\nof two lines" for n in range(30))
    assert made.documents == 30


def test_what_cannot_be_prepared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="only 5 characters"):
        prepared(tmp_path, "short")
    with pytest.raises(UsageError, match="1 document"):
        prepared(tmp_path, "long enough " * 20, documents="file")
    with pytest.raises(UsageError, match="all documents are equal"):
        prepared(tmp_path, "the same line\n" * 20, documents="line")
    with pytest.raises(SettingError, match="validation"):
        TextRules(validation=0.9)
    with pytest.raises(SettingError, match="documents"):
        TextRules(documents="page")  # type: ignore[arg-type]


def test_rules_are_saved_and_read() -> None:
    rules = TextRules(source=SourceRules(field="a.b"), documents="row", validation="x.txt", rare=3)
    assert TextRules.from_json(rules.to_json()) == rules


def test_a_long_document_is_written_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_writer, "AT_ONCE", 10)
    texts = ["word " * 50, *(f"text {number}" for number in range(9))]
    _, training, validation = prepared(tmp_path, *texts, documents="file", validation=0.2)
    documents = [*training[1:-1].split("|"), *validation[1:-1].split("|")]
    assert sorted(documents) == sorted(texts)
    assert np.char.count(training + validation, "|") == 12


@pytest.mark.parametrize("count", [3, 30])
def test_characters_are_those_of_the_texts_and_ids_also_what_is_put_between(
    tmp_path: Path, count: int
) -> None:
    texts = poems(count) * 2
    made, training, validation = prepared(tmp_path, *texts)
    written = sum(map(len, texts))
    assert made.training_characters + made.validation_characters == written
    assert made.training_ids + made.validation_ids == written + len(texts) - 1
    for unit in ("file", "line"):
        made, training, validation = prepared(tmp_path, *texts, documents=unit)
        assert made.training_characters == len(training.replace("|", ""))
        assert made.validation_characters == len(validation.replace("|", ""))


def test_the_rows_of_a_table_are_counted_without_the_newlines_between_them(tmp_path: Path) -> None:
    table = "text\n" + "".join(f"row number {number}\n" for number in range(40))
    written = sum(len(f"row number {number}") for number in range(40))
    for unit in ("whole", "row", "file"):
        made, *_ = prepared(
            tmp_path, table, table.replace("row", "line"), name="{}.csv", documents=unit
        )
        assert made.training_characters + made.validation_characters == 2 * written + 40
        assert sum(file.characters for file in made.report.files) == 2 * written + 40


def test_lines_of_a_list_keep_their_newlines_when_repeats_are_dropped(tmp_path: Path) -> None:
    lines = "".join(f"line {number % 290}\n" for number in range(300))
    made, training, validation = prepared(tmp_path, lines, drop_repeats=True)
    assert made.notes[0] == "left out 10 lines that equal an earlier one"
    assert made.training_characters == len(training) == made.training_ids
    assert made.validation_characters == len(validation)
    assert "blocks of lines" in made.reason


def with_vocabulary(
    tmp_path: Path, text: str, known: str, **rules: object
) -> tuple[PreparedText, str]:
    (tmp_path / "t.txt").write_text(text)
    old = np.array([1, 2, 1], np.uint8)
    arguments = TextRules(**rules), tmp_path / "tokens", Vocabulary(known), old  # type: ignore[arg-type]
    made = prepare_text([tmp_path / "t.txt"], *arguments)
    count = made.training_ids + made.validation_ids + len(old)
    tokens = open_tokens(tmp_path / "tokens", count, len(made.vocabulary), made.tokens_sha256)
    return made, made.vocabulary.decode(tokens)


def test_a_known_vocabulary_keeps_its_ids_and_the_old_text_follows_the_new(tmp_path: Path) -> None:
    text = "and then a line of it.\n" * 10
    made, written = with_vocabulary(tmp_path, text, "tz")
    assert made.vocabulary.characters == "tz" + "".join(sorted(set(text) - {"t"}))
    assert written == text + "tzt"


def test_a_known_character_never_counts_as_rare(tmp_path: Path) -> None:
    text = "and then a line of it.\n" * 10 + "qz"
    made, written = with_vocabulary(tmp_path, text, "tz", rare=2)
    assert written == text.replace("q", "\ufffd") + "tzt"
    assert "1 characters are rarer than 2 and become unknown" in made.notes


def test_an_alphabet_that_grows_too_large_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CHARACTERS", 13)
    text = "and then a line of it.\n" * 10
    assert with_vocabulary(tmp_path, text, "tad")[0].vocabulary.characters[:3] == "tad"
    with pytest.raises(CorpusError, match=r"more than 13 .* with the 4 that the run knows"):
        with_vocabulary(tmp_path, text, "tadz")
