"""Parameters of a request: what is wrong with one is told in one sentence."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from broken_requests import REQUESTS, Asked, check, send
from hypothesis import HealthCheck, given, settings

from tests.serve.http.servers import Scheduler
from textgen.errors import UsageError
from textgen.serve.http.app import make_app
from textgen.serve.http.errors import RefusedError
from textgen.serve.http.fields import Fields, parse_object
from textgen.serve.http.limits import Limits
from textgen.serve.http.service import Service
from textgen.workflows.load import load_model


@pytest.fixture(scope="module")
def app(tiny_run_source: Path) -> Iterator[Any]:
    scheduler = Scheduler([load_model(str(tiny_run_source))], max_running=4)
    scheduler.start()
    yield make_app(Service(scheduler=scheduler, limits=Limits(max_length=40, max_prompt=200)))
    scheduler.close(0)


@pytest.mark.slow
def test_no_broken_request_is_a_fault_of_the_server(app: Any) -> None:
    with asyncio.Runner() as runner:

        @settings(max_examples=2000, deadline=None, suppress_health_check=[*HealthCheck])
        @given(REQUESTS)
        def ask(asked: Asked) -> None:
            check(runner.run(send(app, asked)))

        ask()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body must be a JSON object, and cannot be read: it is empty"),
        (b"  ", "it is empty"),
        (b"{", "cannot be read: Expecting property name"),
        (b"[1]", "the body must be a JSON object, got a list"),
        (b"3", "got a number"),
        (b"null", "got null"),
        (b"true", "got true or false"),
        (b'"a"', "got a text"),
        (b"\xff", "cannot be read"),
        (b'{"n": NaN}', "NaN is no number of JSON"),
        (b'{"a":' * 10**5, "too many brackets within brackets"),
        (b'{"n": 1' + b"0" * 5000 + b"}", "cannot be read"),
    ],
)
def test_a_body_must_be_an_object(body: bytes, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        parse_object(body)


@pytest.mark.parametrize("value", [3, 3.0])
def test_json_has_one_kind_of_number(value: float) -> None:
    fields = Fields({"n": value})
    assert fields.whole("n", default=1, low=0, high=5) == 3
    fields.finish()


@pytest.mark.parametrize("value", [True, "3", 3.5, [3], {"a": 1}, -1, 6, 10**400, 1e300])
def test_a_number_must_be_whole_and_in_its_range(value: object) -> None:
    with pytest.raises(UsageError, match=r"^n must be a whole number in \[0, 5\], got "):
        Fields({"n": value}).whole("n", default=1, low=0, high=5)


def test_a_parameter_that_is_null_is_not_given() -> None:
    fields = Fields({"n": None, "stop": None, "echo": None, "x": None})
    assert fields.whole("n", default=2, low=0, high=5) == 2
    assert fields.texts("stop") == ()
    assert not fields.flag("echo")
    fields.finish()


def test_two_names_of_one_parameter_cannot_both_be_given() -> None:
    with pytest.raises(RefusedError, match="max_tokens and length mean the same; give one"):
        Fields({"length": 1, "max_tokens": 1}).take("max_tokens", "length")


def test_an_unknown_parameter_is_refused_and_a_similar_one_named() -> None:
    fields = Fields({"temprature": 1})
    fields.take("temperature")
    with pytest.raises(RefusedError, match="'temprature'; did you mean temperature") as found:
        fields.finish()
    assert found.value.param == "temprature"


@pytest.mark.parametrize("value", [1, 0, "yes", [], 1.0])
def test_a_flag_is_true_or_false(value: object) -> None:
    with pytest.raises(UsageError, match="echo must be true or false, got"):
        Fields({"echo": value}).flag("echo")
    assert Fields({"echo": True}).flag("echo")


def test_a_long_value_is_not_shown_in_full() -> None:
    with pytest.raises(UsageError) as found:
        Fields({"n": "x" * 10**6}).whole("n", default=1, low=0, high=5)
    assert len(str(found.value)) < 200
    assert json.dumps(str(found.value))
