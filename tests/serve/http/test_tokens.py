"""A token is a character, and the symbol between two texts is one too."""

from pathlib import Path

import pytest

from tests.serve.http.servers import Served, served
from textgen.serve.http.tokens import CHAT_TEMPLATE
from textgen.workflows.load import load_model

BOUNDARY = "<|endoftext|>"


def test_text_becomes_ids_and_comes_back(fox: Served) -> None:
    text = "the quick brown fox\n"
    asked = {"prompt": text, "add_special_tokens": False}
    found = fox.ask("/tokenize", asked).json
    assert found["count"] == len(found["tokens"]) == len(text)
    assert fox.ask("/detokenize", {"tokens": found["tokens"]}).json["prompt"] == text


def test_an_unknown_character_keeps_its_place(fox: Served) -> None:
    found = fox.ask("/tokenize", {"prompt": "a中b"}).json["tokens"]
    assert (len(found), found[1]) == (3, 0)
    assert fox.ask("/detokenize", {"tokens": found}).json["prompt"] == "a\ufffdb"


@pytest.mark.parametrize("run", ["tiny", "labelled"])
def test_the_symbol_between_two_texts_is_a_token(
    run: str, tiny_run_source: Path, labelled_run_source: Path
) -> None:
    model = load_model(str(tiny_run_source if run == "tiny" else labelled_run_source))
    with served([model]) as server:
        info = server.ask("/tokenizer_info").json
        assert info["bos_token"] == info["eos_token"] == BOUNDARY
        (boundary,) = server.ask("/tokenize", {"prompt": info["eos_token"]}).json["tokens"]
        end_id = model.config.vocabulary.end_id
        assert boundary == (info["vocab_size"] if end_id is None else end_id)
        assert server.ask("/detokenize", {"tokens": [boundary, 2]}).json["prompt"] == (
            BOUNDARY + model.config.vocabulary.decode([2])
        )
        # A text that begins with it is read as one that begins by itself.
        common = {"max_tokens": 3, "seed": 1, "logprobs": 1, "echo": True}
        plain = server.complete(prompt=[2, 3], **common).json
        given = server.complete(prompt=[boundary, 2, 3], **common).json
        text = plain["choices"][0]["text"]
        assert given["choices"][0]["text"] == BOUNDARY + text
        first, *rest = given["choices"][0]["logprobs"]["token_logprobs"]
        assert first is None
        assert rest == pytest.approx(plain["choices"][0]["logprobs"]["token_logprobs"], abs=1e-5)
        assert given["choices"][0]["logprobs"]["text_offset"][:2] == [0, len(BOUNDARY)]
        assert given["usage"]["prompt_tokens"] == plain["usage"]["prompt_tokens"] + 1


def test_messages_of_a_chat_become_the_text_of_the_template(fox: Served) -> None:
    messages = [{"role": "user", "content": "the"}, {"role": "user", "content": "fox"}]
    found = fox.ask("/tokenize", {"messages": messages}).json["tokens"]
    assert fox.ask("/detokenize", {"tokens": found}).json["prompt"] == "the\nfox"
    assert fox.ask("/tokenizer_info").json["chat_template"] == CHAT_TEMPLATE


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("/tokenize", {}, "prompt must be a text, got None"),
        ("/tokenize", {"prompt": ["a"]}, "prompt must be a text, got a list"),
        ("/tokenize", {"prompt": "a", "model": 1}, "model must be a text, got 1"),
        ("/tokenize", {"prompt": "a", "model": "ox"}, "'ox' is not served; served: fox"),
        ("/detokenize", {}, "tokens must be a list of ids"),
        ("/detokenize", {"tokens": [True]}, "tokens must be a list of ids"),
        ("/detokenize", {"tokens": [-1]}, r"tokens has the id -1; ids are in \[0, "),
        ("/detokenize", {"tokens": [1], "x": 1}, "there is no parameter 'x'"),
    ],
)
def test_what_is_wrong_is_told(fox: Served, path: str, content: object, message: str) -> None:
    found = fox.ask(path, content)
    assert found.status in (400, 404)
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(found.error)
