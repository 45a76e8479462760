"""Real clients use the server: the openai package, curl and llm; and what its paths answer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import openai
import pytest

from tests.serve.http.servers import Served, post, served, wait_until
from textgen.generation.model import Model
from textgen.serve.http.filler import Filler, Gap
from textgen.serve.http.limits import Limits
from textgen.settings import SamplingSettings
from textgen.workflows.load import load_model


@pytest.fixture(scope="module")
def model(tiny_run_source: Path) -> Model:
    return load_model(str(tiny_run_source))


@pytest.fixture(scope="module")
def client(fox: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{fox.url}/v1", api_key="none", max_retries=0, timeout=20)


def written(model: Model, prompt: str, length: int, sample: int = 0, **settings: object) -> str:
    """Return what `textgen sample --seed 5` writes."""
    generator = model.generator(seed=5, sample=sample)
    generator.feed(prompt)
    return generator.generate(length, SamplingSettings(**settings)).text  # type: ignore[arg-type]


@pytest.mark.slow
def test_openai_lists_the_runs(client: openai.OpenAI) -> None:
    assert [one.id for one in client.models.list()] == ["fox"]
    assert client.models.retrieve("fox").object == "model"
    with pytest.raises(openai.NotFoundError, match="'ox' is not served; served: fox"):
        client.models.retrieve("ox")


def test_openai_gets_the_text_that_sample_writes(client: openai.OpenAI, model: Model) -> None:
    found = client.completions.create(model="fox", prompt="the ", max_tokens=30, seed=5)
    assert found.choices[0].text == written(model, "the ", 30)
    assert found.choices[0].finish_reason == "length"
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (4, 30)
    assert found.usage.total_tokens == 34


def test_each_prompt_has_texts_that_are_samples_of_the_seed(
    client: openai.OpenAI, model: Model
) -> None:
    prompts = ["the ", "dog"]
    found = client.completions.create(
        model="fox", prompt=prompts, n=2, max_tokens=12, seed=5, temperature=0.5, stop="o"
    )
    expected = [
        written(model, prompt, 12, sample, temperature=0.5, stop=("o",))
        for prompt in prompts
        for sample in (0, 1)
    ]
    assert [choice.text for choice in found.choices] == expected
    assert [choice.index for choice in found.choices] == [0, 1, 2, 3]
    reasons = {choice.finish_reason for choice in found.choices}
    assert "stop" in reasons


def test_openai_streams_the_same_text_and_counts_it(client: openai.OpenAI, model: Model) -> None:
    stream = client.completions.create(
        model="fox",
        prompt="the ",
        max_tokens=60,
        seed=5,
        stream=True,
        echo=True,
        stream_options={"include_usage": True},
    )
    chunks = [*stream]
    text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    assert text == "the " + written(model, "the ", 60)
    assert [chunk.usage is None for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 60
    reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
    assert reasons == [None] * (len(reasons) - 1) + ["length"]


def test_openai_gets_log_probabilities_with_offsets(client: openai.OpenAI, model: Model) -> None:
    found = client.completions.create(
        model="fox", prompt="the ", max_tokens=6, seed=5, logprobs=3, echo=True
    )
    (choice,) = found.choices
    told = choice.logprobs
    assert told is not None
    assert told.tokens is not None
    assert "".join(told.tokens) == choice.text == "the " + written(model, "the ", 6)
    assert told.text_offset == [*range(10)]
    bits = model.generator(seed=0).score(choice.text)
    assert told.token_logprobs == pytest.approx([-float(one) * 0.6931471805 for one in bits], 1e-4)
    assert told.top_logprobs is not None
    for token, logprob, top in zip(
        told.tokens, told.token_logprobs or [], told.top_logprobs, strict=True
    ):
        assert top[token] == logprob
        assert 3 <= len(top) <= 4
        assert logprob <= max(top.values())


def test_offsets_of_a_stream_go_on_from_one_part_to_the_next(fox: Served) -> None:
    asked = {"prompt": "the ", "max_tokens": 300, "seed": 5, "logprobs": 0, "echo": True}
    parts = [event["choices"][0]["logprobs"] for event in fox.complete(**asked, stream=True).events]
    (whole,) = fox.complete(**asked).json["choices"]
    assert len(parts) > 1
    for name in ("tokens", "text_offset"):
        assert [one for part in parts for one in part[name]] == whole["logprobs"][name]
    assert whole["logprobs"]["text_offset"] == [*range(304)]


def test_openai_chats_with_messages_joined_by_newlines(client: openai.OpenAI, model: Model) -> None:
    messages = [{"role": "system", "content": "the"}, {"role": "user", "content": "dog "}]
    common = {"model": "fox", "messages": messages, "max_tokens": 9, "seed": 5}
    expected = written(model, "the\ndog ", 9)
    found = client.chat.completions.create(**common, logprobs=True, top_logprobs=2)  # type: ignore[call-overload]
    assert found.choices[0].message.content == expected
    content = found.choices[0].logprobs.content
    assert "".join(one.token for one in content) == expected
    assert all(len(one.top_logprobs) == 2 for one in content)
    chunks = [*client.chat.completions.create(**common, stream=True)]  # type: ignore[call-overload]
    assert "".join(chunk.choices[0].delta.content for chunk in chunks) == expected
    assert chunks[0].choices[0].delta.role == "assistant"


def test_openai_reads_errors_in_the_words_of_textgen(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as found:
        client.completions.create(model="fox", prompt="the", top_p=1.5)
    assert found.value.param == "top_p"
    assert "top_p must be a number in (0, 1], got 1.5" in found.value.message
    with pytest.raises(openai.NotFoundError) as missing:
        client.completions.create(model="ox", prompt="the")
    assert missing.value.code == "model_not_found"


def test_curl_gets_a_text_without_saying_what_it_sends(fox: Served) -> None:
    content = '{"prompt": "the ", "max_tokens": 5, "seed": 5}'
    command = ["curl", "-sS", f"{fox.url}/v1/completions", "-d", content]
    done = subprocess.run(command, capture_output=True, timeout=20, check=True)
    assert len(json.loads(done.stdout)["choices"][0]["text"]) == 5
    stream = [*command[:-1], content.replace("}", ', "stream": true}')]
    done = subprocess.run([*stream, "-N"], capture_output=True, timeout=20, check=True)
    assert done.stdout.endswith(b"data: [DONE]\n\n")


@pytest.mark.slow
def test_llm_uses_a_run_as_one_of_its_models(fox: Served, model: Model, own_folder: Path) -> None:
    (own_folder / "extra-openai-models.yaml").write_text(
        f"- model_id: fox\n  model_name: fox\n  api_base: {fox.url}/v1\n  completion: true\n"
    )
    # Without other plugins, so that llm reaches the run over HTTP alone.
    settings = {"LLM_USER_PATH": str(own_folder), "LLM_LOAD_PLUGINS": ""}
    environment = os.environ | settings | {"OPENAI_API_KEY": "none"}
    command = [sys.executable, "-m", "llm", "-m", "fox", "the ", "-o", "max_tokens", "20"]
    done = subprocess.run(
        [*command, "-o", "seed", "5"], env=environment, capture_output=True, timeout=60, text=True
    )
    assert done.stdout.removesuffix("\n") == written(model, "the ", 20), done.stderr


def test_unknown_characters_are_read_as_others_and_a_header_says_so(fox: Served) -> None:
    found = fox.complete(prompt="thé…", max_tokens=1, echo=True)
    assert found.json["choices"][0]["text"].startswith("the...")
    assert json.loads(found.headers["textgen-replaced"]) == {"é": "e", "…": "..."}
    refused = fox.complete(prompt="thé", on_unknown="error")
    assert (refused.status, refused.json["error"]["param"]) == (400, "prompt")
    assert "choose on_unknown nearest, skip or replace" in refused.error


def test_a_seed_that_was_drawn_is_told_and_gives_the_text_again(fox: Served) -> None:
    first = fox.complete(prompt="the ", max_tokens=20)
    seed = int(first.headers["textgen-seed"])
    assert first.json["seed"] == seed
    again = fox.complete(prompt="the ", max_tokens=20, seed=seed)
    assert again.json["choices"] == first.json["choices"]


def test_the_best_of_several_texts_are_those_with_the_likeliest_characters(
    fox: Served, model: Model
) -> None:
    found = fox.complete(prompt="the ", max_tokens=8, seed=5, n=2, best_of=6).json
    texts = [written(model, "the ", 8, sample) for sample in range(6)]

    def bits(text: str) -> float:
        generator = model.generator(seed=0)
        generator.feed("the ")
        return float(generator.score(text).mean())

    expected = sorted(texts, key=bits)[:2]
    assert [choice["text"] for choice in found["choices"]] == expected
    assert [choice["index"] for choice in found["choices"]] == [0, 1]
    assert found["usage"]["completion_tokens"] == 48


def test_the_requests_of_lm_evaluation_harness_are_answered_as_it_reads_them(
    fox: Served, model: Model
) -> None:
    ids = model.config.vocabulary.encode
    contexts, rest = ["the quick ", "lazy"], ["brown", " dog"]
    prompts = [
        [*ids(context).tolist(), *ids(text).tolist()]
        for context, text in zip(contexts, rest, strict=True)
    ]
    answer = fox.complete(
        model="fox", prompt=prompts, temperature=0, max_tokens=1, logprobs=1, seed=1234, echo=True
    )
    for choice, context, text in zip(answer.json["choices"], contexts, rest, strict=True):
        told = choice["logprobs"]
        begin = len(context)
        found = told["token_logprobs"][begin:-1]
        assert told["tokens"][begin:-1] == [*text]
        generator = model.generator(seed=0)
        generator.feed(context)
        nats = generator.score(text) * 0.6931471805
        assert found == pytest.approx([-float(one) for one in nats], abs=1e-4)
        likeliest = [max(top.values()) for top in told["top_logprobs"][begin:-1]]
        assert all(one <= most for one, most in zip(found, likeliest, strict=True))
    only_read = fox.complete(prompt=prompts[0], max_tokens=0, logprobs=1, echo=True).json
    assert len(only_read["choices"][0]["logprobs"]["tokens"]) == len(prompts[0])
    assert only_read["usage"]["completion_tokens"] == 0


@pytest.mark.slow
def test_the_symbol_of_the_end_counts_among_the_log_probabilities(labelled_run: Path) -> None:
    with served([load_model("kinds")]) as server:
        label = {"kind": "low", "language": "one"}
        asked = {"temperature": 0, "logprobs": 1, "echo": True, "label": label}
        told = server.complete(prompt="ab.", max_tokens=1, **asked).json["choices"][0]
        assert (told["text"], told["stop_reason"]) == ("ab.", "end")
        # A harness leaves out the last token, which it takes for one that was written.
        assert told["logprobs"]["tokens"] == ["a", "b", ".", "<|endoftext|>"]
        found = told["logprobs"]["token_logprobs"][-1]
        assert told["logprobs"]["top_logprobs"][-1] == {"<|endoftext|>": found}
        assert -0.7 < found < 0


def test_a_stream_that_cannot_begin_is_an_error_like_any_other(fox: Served) -> None:
    for asked in ({"only": "\u4e2d"}, {"words": ["\u4e2d"]}, {"top_p": 2}):
        whole, stream = fox.complete(**asked), fox.complete(**asked, stream=True)
        assert (stream.status, stream.error) == (400, whole.error)


def test_the_queue_is_limited_and_says_when_to_try_again(model: Model) -> None:
    with served([model], limits=Limits(max_running=1, max_waiting=2)) as server:
        found = server.complete(prompt="the ", n=10, max_tokens=2000)
        assert (found.status, found.json["error"]["code"]) == (429, "queue_full")
        assert found.json["error"]["type"] == "rate_limit_error"
        assert int(found.headers["retry-after"]) >= 1
        # The texts that were accepted before are not written either.
        figures = server.scheduler.figures
        wait_until(lambda: not figures().running and not figures().waiting)
        assert server.complete(prompt="the ", max_tokens=2).status == 200


@pytest.mark.slow
def test_a_request_ends_when_its_time_is_over(model: Model) -> None:
    with served([model], limits=Limits(max_seconds=0.2, max_length=10**6)) as server:
        found = server.complete(prompt="the ", max_tokens=10**6).json
        choice = found["choices"][0]
        assert (choice["finish_reason"], choice["stop_reason"]) == ("length", "cut")
        assert 0 < found["usage"]["completion_tokens"] == len(choice["text"])


def test_a_run_of_both_directions_fills_the_gap_before_a_suffix(model: Model) -> None:
    def fill(gap: Gap) -> list[str]:
        return [f"{gap.before[-1]}{gap.after[0]}{gap.longest}"] * gap.asked.count

    filler = Filler(name="both", created=0, step=1, fill=fill)
    with served([model], fillers=[filler]) as server:
        asked = {"model": "both", "prompt": "ab", "suffix": "cd", "max_tokens": 3}
        found = server.complete(**asked, n=2, echo=True).json
        assert [one["text"] for one in found["choices"]] == ["abbc3"] * 2
        assert found["usage"]["prompt_tokens"] == 4
        events = server.complete(**asked, stream=True).events
        assert [event["choices"][0]["text"] for event in events] == ["bc3"]
        assert "only fills gaps; give the text behind" in server.complete(model="both").error
        assert "logprobs cannot be used with suffix" in server.complete(**asked, logprobs=1).error
        alone = server.complete(**(asked | {"model": "fox"}))
        assert "reads forward alone, and suffix needs one" in alone.error
        assert "name a model; served: fox, both" in server.complete(prompt="a").error
        tokens = server.ask("/tokenize", {"model": "both", "prompt": "a"})
        assert "with suffix alone" in tokens.error


def test_the_page_is_made_once_and_forbids_to_be_shown_in_another(model: Model) -> None:
    made = list[str]()

    def make_page(name: str) -> bytes:
        made.append(name)
        return b"<!DOCTYPE html><title>a page</title>"

    with served([model], make_page=make_page) as server:
        for _ in range(2):
            page = server.ask("/")
            assert page.body == b"<!DOCTYPE html><title>a page</title>"
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert page.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert made == ["fox"]


def test_paths_and_methods_that_do_not_exist_are_errors_too(fox: Served) -> None:
    assert fox.ask("/v1/nothing").status == 404
    assert "there is no path '/v1/nothing' here" in fox.ask("/v1/nothing").error
    assert fox.ask("/v1/completions").error == "/v1/completions takes POST, got GET"
    assert fox.ask("/").error == "this server has no page"


def test_a_body_that_is_too_large_is_refused(fox: Served) -> None:
    for size in (2**21 + 1, 10**8):
        found = fox.ask("/v1/completions", bytes(size))
        assert (found.status, found.error) == (413, "the body has more than 2,097,152 bytes")
    assert fox.ask("/v1/completions", bytes(2**21)).status == 400
    asks_first = post(bytes(2**21 + 1), b"Expect: 100-continue", b"Connection: close")[:200]
    assert fox.send(asks_first).startswith(b"HTTP/1.1 413")


def test_health_and_figures_can_be_asked_for(fox: Served) -> None:
    assert fox.ask("/health").json == {"status": "ok"}
    found = fox.ask("/metrics")
    assert found.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"\ntextgen_texts_running 0\n" in found.body
