"""The exported page in Firefox: it writes and shows what it does in the other browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.export.runs import random_run
from tests.firefox import Firefox, started_firefox
from textgen.workflows.export import PageOrder, export_page
from textgen.workflows.load import load_model


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with started_firefox(tmp_path_factory.mktemp("firefox") / "profile") as firefox:
        yield firefox


@pytest.mark.slow
def test_firefox_writes_the_same_text_and_shows_the_network(
    firefox: Firefox, tiny_run_source: Path, tmp_path: Path
) -> None:
    runs = []
    for cell in ("lstm", "gru", "rnn"):
        runs.append(str(tmp_path / cell))
        random_run(tiny_run_source, tmp_path / cell, cell=cell, hidden_size=20, size=0.4)
    path = tmp_path / "page.html"
    order = PageOrder(runs=runs, precision="float32")
    export_page(path, order, is_forced=False, tell=lambda _: None)
    for width in (500, 1440):
        firefox.open(path, width=width)
        for number, run in enumerate(runs):
            generator = load_model(run).generator(seed=2**62 + 5)
            generator.feed("the dog")
            wanted = generator.generate(1000).text
            written = firefox.run(
                f"textgen.app.use({number});"
                f"return textgen.write('the dog', {{ seed: '{2**62 + 5}', length: 1000 }})"
            )
            assert written == wanted
        assert firefox.run("return textgen.app.engine.hasWorker") is True
        firefox.run("textgen.app.use(0)")
        for tab, shown in (("watch", "#equation .line"), ("compare", "#reach polyline")):
            count = firefox.run(
                f"document.getElementById('tab-{tab}').click();"
                "for (let turn = 0; turn < 400; turn++) {"
                f"  if (document.querySelector('{shown}')) break;"
                "  await new Promise((resolve) => setTimeout(resolve, 50));"
                "}"
                f"return document.querySelectorAll('{shown}').length"
            )
            assert count == 6, tab
            assert firefox.run("return document.documentElement.scrollWidth <= innerWidth")
        assert firefox.run("return window.faults") == []
