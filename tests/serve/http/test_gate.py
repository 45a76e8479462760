"""Who may ask: with a key, from this machine, and from which web pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.http.servers import Served, served
from textgen.generation.model import Model
from textgen.serve.http.keys import Keys
from textgen.workflows.load import load_model

KEY = "0123456789abcdef"
ONE = {"prompt": "the ", "max_tokens": 1}


@pytest.fixture(scope="module")
def model(tiny_run_source: Path) -> Model:
    return load_model(str(tiny_run_source))


@pytest.fixture(scope="module")
def locked(model: Model) -> Iterator[Served]:
    with served([model], keys=Keys([KEY])) as server:
        yield server


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", f"Basic {KEY}", f"Bearer {KEY}0", KEY, "Bearer \xff"]
)
def test_without_its_key_nothing_is_told(locked: Served, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for path in ("/v1/models", "/metrics", "/", "/none"):
        found = locked.ask(path, headers=headers)
        assert (found.status, found.json["error"]["code"]) == (401, "invalid_api_key")
        assert found.headers["www-authenticate"] == "Bearer"
    assert locked.ask("/v1/completions", ONE, headers=headers).status == 401
    assert locked.ask("/health", headers=headers).status == 200


def test_with_its_key_the_server_answers(locked: Served) -> None:
    headers = {"Authorization": f"bearer {KEY}"}
    assert locked.ask("/v1/completions", ONE, headers=headers).status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", "["])
def test_a_name_that_was_made_to_mean_this_machine_is_refused(fox: Served, host: str) -> None:
    found = fox.ask("/v1/models", headers={"Host": host})
    assert (found.status, found.json["error"]["code"]) == (403, "wrong_host")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8888", "127.0.0.1:1", "[::1]:8", "127.1.2.3"]
)
def test_the_names_of_this_machine_are_taken(fox: Served, host: str) -> None:
    assert fox.ask("/v1/models", headers={"Host": host}).status == 200


def test_a_server_for_other_machines_takes_any_name(model: Model) -> None:
    with served([model], is_local=False) as server:
        assert server.ask("/v1/models", headers={"Host": "my.example"}).status == 200


def test_a_web_page_from_elsewhere_can_neither_ask_nor_read(fox: Served) -> None:
    page = {"Origin": "https://evil.example"}
    found = fox.ask("/v1/completions", ONE, headers=page)
    assert (found.status, found.json["error"]["code"]) == (403, "wrong_origin")
    assert "allow its origin with --allow-origin" in found.error
    read = fox.ask("/v1/models", headers=page)
    assert "access-control-allow-origin" not in read.headers
    own = {"Origin": fox.url}
    assert fox.ask("/v1/completions", ONE, headers=own).status == 200


def test_an_allowed_web_page_can_ask_and_read(model: Model) -> None:
    with served([model], origins=["https://my.example"]) as server:
        page = {"Origin": "https://my.example"}
        found = server.ask("/v1/completions", ONE, headers=page)
        assert found.status == 200
        assert found.headers["access-control-allow-origin"] == "https://my.example"
        assert "Textgen-Seed" in found.headers["access-control-expose-headers"]
        refused = server.ask("/v1/completions", {"top_p": 2}, headers=page)
        assert refused.headers["access-control-allow-origin"] == "https://my.example"
        other = server.ask("/v1/completions", ONE, headers={"Origin": "https://evil.example"})
        assert other.status == 403
        # A proxy of the allowed page may pass on its name.
        assert server.ask("/v1/models", headers={"Host": "my.example"}).status == 200


def test_what_is_answered_is_no_web_page(fox: Served) -> None:
    found = fox.ask("/v1/models")
    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["content-security-policy"] == "default-src 'none'"
