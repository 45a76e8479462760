"""Serving from start to end: a run of each direction, and the page."""

import json
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from textgen.workflows.serve import ServeOrder, serving


def ask(url: str, content: object = None) -> Any:
    body = None if content is None else json.dumps(content).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        return error.read()


@pytest.mark.slow
def test_a_run_of_both_directions_fills_gaps_beside_one_that_writes(
    tiny_run: Path, two_way_run: Path
) -> None:
    order = ServeOrder(runs=["fox", "two-ways"], port=0)
    with serving(order) as server:
        assert server.models == ("fox", "two-ways")
        url = f"{server.url}/v1/completions"
        gap = {"model": "two-ways", "prompt": "the quick br", "suffix": "wn fox jumps"}
        found = json.loads(ask(url, gap | {"max_tokens": 1, "temperature": 0}))
        assert found["choices"][0]["text"] == "o"
        assert 1 <= len(json.loads(ask(url, gap))["choices"][0]["text"]) <= 10
        wide = {"max_tokens": 8, "n": 3, "temperature": 0.9, "seed": 2}
        drawn = json.loads(ask(url, gap | wide))["choices"]
        assert len(drawn) == 3
        assert all(1 <= len(choice["text"]) <= 8 for choice in drawn)
        assert json.loads(ask(url, gap | wide))["choices"] == drawn
        refused = json.loads(ask(url, gap | {"only": "z", "forbid": "z", "max_tokens": 2}))
        assert "error" in refused
        text = json.loads(ask(url, {"model": "fox", "prompt": "the ", "max_tokens": 4}))
        assert len(text["choices"][0]["text"]) == 4
        listed = json.loads(ask(f"{server.url}/v1/models"))["data"]
        assert [one["direction"] for one in listed] == ["forward", "both"]
        assert "reads in both directions" in ask(f"{server.url}/?model=two-ways").decode()


@pytest.mark.slow
def test_the_page_is_the_exported_one(tiny_run: Path) -> None:
    with serving(ServeOrder(runs=[None], port=0)) as server:
        page = ask(server.url).decode()
    assert page.startswith("<!DOCTYPE html>")
    assert "<title>fox</title>" in page
    assert "validation text of fox" in page


def test_the_example_has_characters_that_the_run_knows(tiny_run: Path) -> None:
    with serving(ServeOrder(runs=["fox"], port=0)) as server:
        assert server.example == (
            f"""curl {server.url}/v1/completions -d '{{"model": "fox", "prompt": "the "}}'"""
        )


@pytest.mark.slow
def test_a_run_that_vanishes_is_served_from_memory_and_its_page_is_an_error(
    tiny_run: Path,
) -> None:
    asked = {"prompt": "the ", "max_tokens": 9, "seed": 1}
    with serving(ServeOrder(runs=["fox"], port=0)) as server:
        url = f"{server.url}/v1/completions"
        before = json.loads(ask(url, asked))["choices"]
        shutil.rmtree(tiny_run)
        assert json.loads(ask(url, asked))["choices"] == before
        page = json.loads(ask(server.url))["error"]
        assert (page["type"], page["code"]) == ("server_error", "run_unusable")
        assert json.loads(ask(f"{server.url}/v1/models"))["data"][0]["id"] == "fox"
        copies = json.loads(ask(url, asked | {"max_copy": 10}))
        assert "error" in copies
        assert json.loads(ask(url, asked))["choices"] == before
