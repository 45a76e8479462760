"""Servers of a tiny run, on loopback and in this process, for the tests of one module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.http.servers import Served, served
from textgen.workflows.load import load_model


@pytest.fixture(scope="module")
def fox(tiny_run_source: Path) -> Iterator[Served]:
    """Serve the tiny run."""
    with served([load_model(str(tiny_run_source))]) as server:
        yield server
