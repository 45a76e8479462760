"""The exported page in a real browser: its file, its arithmetic, and writing with it."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browsers import Opened, opened
from tests.export.runs import random_run
from textgen.settings import SamplingSettings
from textgen.workflows.export import PageOrder, export_page
from textgen.workflows.load import load_model

# File of axe-core, a package of npm that checks accessibility.
AXE = Path(os.environ.get("TEXTGEN_AXE", "axe.min.js"))
# Settings that make three kinds of networks, each with what only it has.
NETWORKS: dict[str, dict[str, Any]] = {
    "lstm": {"cell": "lstm", "hidden_size": 24, "num_layers": 2, "projected": "all"},
    "gru": {"cell": "gru", "hidden_size": 20, "num_layers": 3, "projection_rank": 6},
    "rnn": {"cell": "rnn", "hidden_size": 17, "num_layers": 1, "size": 0.3},
}
# Seeds and settings, among them one whose halves of 32 bits are both needed.
WRITINGS = (
    (1, {}),
    (7, {"temperature": 0.6, "top_k": 9, "top_p": 0.9}),
    (2**62 + 5, {"temperature": 1.2, "min_p": 0.02}),
)
# Characters that are something to HTML, JavaScript, a terminal or the order of writing.
HOSTILE = "</>&\"'`${}\\\u0000\u001b\u2028\u2029\u202e\ufeff\U0001f600"


def silent(_: str) -> None:
    """Say nothing of the progress."""


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory, tiny_run_source: Path
) -> Callable[..., tuple[Path, Path]]:
    """Return a function that exports a random run once, and returns the run and the page."""
    folder, made = tmp_path_factory.mktemp("pages"), dict[str, tuple[Path, Path]]()

    def page(name: str, order: dict[str, Any] | None = None, **changes: Any) -> tuple[Path, Path]:
        if name not in made:
            run, path = folder / name, folder / f"{name}.html"
            random_run(tiny_run_source, run, **changes)
            given = {"precision": "float32", **(order or {})}
            export_page(path, PageOrder(runs=[str(run)], **given), is_forced=False, tell=silent)
            made[name] = run, path
        return made[name]

    return page


@pytest.fixture(scope="module")
def written_on(browser: Any, pages: Callable[..., tuple[Path, Path]]) -> Iterator[Opened]:
    """Keep one page open for tests that only write on it."""
    _, path = pages("lstm", **NETWORKS["lstm"])
    with opened(browser, path) as page:
        yield page


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_seed_writes_the_same_text_as_sample(
    name: str, browser: Any, pages: Callable[..., tuple[Path, Path]]
) -> None:
    """Logits differ in their last digits. These 18,000 characters happen to be no close call."""
    run, path = pages(name, **NETWORKS[name])
    with opened(browser, path) as page:
        for seed, changes in WRITINGS:
            generator = load_model(str(run)).generator(seed=seed)
            generator.feed("the dog")
            wanted = generator.generate(2000, SamplingSettings(**changes)).text  # type: ignore[arg-type]
            given = json.dumps({"seed": str(seed), "length": 2000, **changes})
            assert page.page.evaluate(f"textgen.write('the dog', {given})") == wanted


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_logits_are_those_of_python(
    name: str, browser: Any, pages: Callable[..., tuple[Path, Path]]
) -> None:
    run, path = pages(name, **NETWORKS[name])
    generator = load_model(str(run)).generator(seed=0)
    generator.feed("the quick brown fox")
    wanted = generator.reader.logits(generator.settle().recurrent)
    with opened(browser, path) as page:
        found = page.page.evaluate("textgen.logits('the quick brown fox').then(Array.from)")
    np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "most"), [("float16", 0.02), ("int8", 0.3)])
def test_smaller_weights_are_read_as_python_rounds_them(
    precision: str, most: float, browser: Any, pages: Callable[..., tuple[Path, Path]]
) -> None:
    run, exact = pages("lstm", **NETWORKS["lstm"])
    path = exact.with_name(f"{precision}.html")
    order = PageOrder(runs=[str(run)], precision=precision)  # type: ignore[arg-type]
    exported = export_page(path, order, is_forced=True, tell=silent)
    logits = "textgen.logits('the quick brown fox').then(Array.from)"
    with opened(browser, path) as page, opened(browser, exact) as other:
        differences = np.subtract(page.page.evaluate(logits), other.page.evaluate(logits))
        text = json.loads(page.page.text_content("#content"))["text"]
        bits = page.page.evaluate(
            f"textgen.app.job('trace', {{ text: {json.dumps(text)}, layer: 0 }}).done"
            ".then(({ bits }) => Array.from(bits))"
        )
    assert 0 < np.abs(differences).max() < most
    # Python measures what the page holds.
    measured = exported.measured[0]
    assert np.mean(bits[:measured]) == pytest.approx(exported.bits[0][precision], abs=1e-4)  # type: ignore[index]


@pytest.mark.slow
def test_labels_and_ends_of_documents_are_as_in_python(
    labelled_run: Path, browser: Any, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    order = PageOrder(runs=[str(labelled_run)], precision="float32")
    export_page(path, order, is_forced=False, tell=silent)
    model = load_model(str(labelled_run))
    with opened(browser, path) as page:
        for asked in ({}, {"kind": "high"}, {"kind": "low", "language": "two"}):
            for name in ("kind", "language"):
                page.page.get_by_label(name).select_option(label=asked.get(name, "any"))
            generator = model.labelled(asked).generator(seed=4)
            wanted = generator.generate(40).text
            assert page.page.evaluate("textgen.write('', { seed: 4, length: 40 })") == wanted


@pytest.mark.slow
def test_one_writes_goes_on_undoes_and_writes_again(
    written_on: Opened, pages: Callable[..., tuple[Path, Path]]
) -> None:
    run, _ = pages("lstm")
    model = load_model(str(run))

    def sampled(length: int, sample: int = 0) -> str:
        generator = model.generator(seed=3, sample=sample)
        generator.feed("the fox")
        return "the fox" + generator.generate(length).text

    page = written_on
    page.page.fill("#sheet", "the fox")
    assert page.write(seed=3, length=40) == sampled(40)
    assert page.text("#mirror .you") == "the fox"
    assert page.text("#mirror .network") == sampled(40).removeprefix("the fox")
    # It goes on with the draws that come next, as one longer text.
    assert page.write() == sampled(80)
    page.page.click("#undo")
    assert page.page.input_value("#sheet") == sampled(40)
    page.page.click("#undo")
    page.write()
    page.page.click("#again")
    page.until("document.getElementById('stop').disabled")
    assert page.page.input_value("#sheet") == sampled(40, sample=1)
    assert re.search(r"40 characters, [\d,]+ a second", page.text("#measures"))


def test_typing_into_the_middle_keeps_the_shades_around_it(written_on: Opened) -> None:
    page = written_on
    page.page.fill("#sheet", "the ")
    whole = page.write(seed=1, length=6)
    page.page.evaluate("document.getElementById('sheet').setSelectionRange(6, 6)")
    page.page.locator("#sheet").press("x")
    assert page.page.input_value("#sheet") == f"{whole[:6]}x{whole[6:]}"
    shades = page.page.eval_on_selector_all(
        "#mirror span:not(.ghost)", "found => found.map(one => [one.className, one.textContent])"
    )
    wanted = [["you", "the "], ["network", whole[4:6]], ["you", "x"], ["network", whole[6:]]]
    assert shades == wanted


def test_three_ways_are_three_samples_and_one_is_taken(
    written_on: Opened, pages: Callable[..., tuple[Path, Path]]
) -> None:
    run, _ = pages("lstm")
    page = written_on
    page.page.fill("#sheet", "a")
    page.page.fill("#length", "30")
    page.page.fill("#seed", "9")
    page.page.click("#three")
    page.until("document.querySelectorAll('#ways button:enabled').length === 3")
    wanted = []
    for sample in range(3):
        generator = load_model(str(run)).generator(seed=9, sample=sample)
        generator.feed("a")
        wanted.append(generator.generate(30).text)
    assert page.page.locator("#ways p").all_text_contents() == wanted
    page.page.locator("#ways button").nth(2).click()
    assert page.page.input_value("#sheet") == f"a{wanted[2]}"


def test_unknown_characters_are_crossed_and_skipped(written_on: Opened) -> None:
    page = written_on
    page.page.fill("#sheet", "")
    page.page.fill("#sheet", "t\u00e9h\u4e2de")
    assert page.page.locator("#mirror s").all_text_contents() == ["\u00e9", "\u4e2d"]
    assert "2 characters are crossed out" in page.text("#measures")
    logits = "textgen.logits('{}').then(Array.from)"
    assert page.page.evaluate(logits.format("t\u00e9h\u4e2de")) == page.page.evaluate(
        logits.format("the")
    )


@pytest.mark.slow
def test_settings_out_of_range_are_refused_in_words(written_on: Opened) -> None:
    page = written_on
    for name, value, why in (
        ("temperature", "-1", "Temperature must be 0 to 5"),
        ("top_p", "2", "Top-p must be 0.01 to 1"),
        ("seed", "9223372036854775808", "Seed must be a whole number"),
        ("seed", "x", "Seed must be a whole number"),
    ):
        before = page.page.input_value(f"#{name}")
        page.page.fill(f"#{name}", value)
        page.page.click("#go")
        assert why in page.text("#alert")
        page.page.fill(f"#{name}", before)
    page.page.fill("#sheet", "")
    page.write(length=3)
    assert page.text("#alert") == ""


def test_the_likeliest_words_come_next_and_are_taken(written_on: Opened) -> None:
    page = written_on
    page.page.fill("#sheet", "the dog ")
    page.until("!document.getElementById('words').hidden")
    word = str(page.page.locator("#words button").first.text_content())
    page.page.locator("#words button").first.click()
    assert page.page.input_value("#sheet") == f"the dog {word.split()[0]}"


@pytest.mark.slow
def test_a_long_text_is_read_with_a_bar_and_can_be_stopped(written_on: Opened) -> None:
    page = written_on
    page.page.evaluate(
        "sheet => { sheet.value = 'the dog sleeps on. '.repeat(60000);"
        " sheet.dispatchEvent(new Event('input')); }",
        page.page.query_selector("#sheet"),
    )
    page.page.click("#go")
    page.until("document.getElementById('bar').value > 0.001")
    assert "reading the text" in page.text("#progress-text")
    page.page.keyboard.press("Escape")
    page.until("document.getElementById('stop').disabled")
    page.page.fill("#sheet", "")


@pytest.mark.slow
def test_a_browser_without_workers_writes_the_same(
    browser: Any, pages: Callable[..., tuple[Path, Path]], written_on: Opened
) -> None:
    _, path = pages("lstm")
    ask = "textgen.write('the', { seed: 2, length: 300 })"
    without = "delete window.Worker; delete window.localStorage;"
    with opened(browser, path, script=without) as page:
        assert page.page.evaluate("textgen.app.engine.hasWorker") is False
        assert page.page.evaluate(ask) == written_on.page.evaluate(ask)
        page.watch()
    assert written_on.page.evaluate("textgen.app.engine.hasWorker") is True


@pytest.mark.slow
def test_a_hostile_run_harms_nobody(browser: Any, tiny_run_source: Path, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)> & ${1} \u202e"
    run, path = tmp_path / name, tmp_path / "page.html"
    random_run(tiny_run_source, run, characters=HOSTILE)
    text = f"</script><script>throw 1</script><!--{HOSTILE}]]>\n" * 3
    order = PageOrder(runs=[str(run)], text=text, text_name="</title>")
    export_page(path, order, is_forced=False, tell=silent)
    with opened(browser, path) as page:
        assert page.text("#name") == name
        assert page.page.locator("img").count() == 0
        assert json.loads(page.page.text_content("#content"))["text"] == text
        page.page.fill("#sheet", HOSTILE.replace("\0", ""))
        page.write(length=200, temperature=2)
        page.watch()
        assert page.page.evaluate("textgen.app.watching.trace.list").count("\u202e") == 3
        assert "\u202e" not in page.text("#passage")


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_wider_than_the_window_and_axe_finds_no_fault(
    theme: str, browser: Any, pages: Callable[..., tuple[Path, Path]], tmp_path: Path
) -> None:
    runs = [str(pages(name, **NETWORKS[name])[0]) for name in ("lstm", "gru")]
    path = tmp_path / "page.html"
    export_page(path, PageOrder(runs=runs), is_forced=False, tell=silent)
    for width in (360, 768, 1440):
        with opened(browser, path, width=width, color_scheme=theme) as page:
            for tab in ("write", "watch", "compare", "about"):
                page.page.click(f"#tab-{tab}")
                if tab == "watch":
                    page.watch()
                if tab == "compare":
                    page.until("document.querySelectorAll('#reach polyline').length === 4")
                wide = page.page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, tab
                if AXE.is_file() and width != 768:
                    assert faults(page) == [], tab
    if not AXE.is_file():
        pytest.skip("the width was checked; for the rest TEXTGEN_AXE must name axe.min.js")


def faults(page: Opened) -> list[str]:
    """Return what axe-core finds at fault in a page, with the elements."""
    page.page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.page.evaluate("axe.run().then(({ violations }) => violations)")
    return [
        f"{one['id']}: {node['html'][:100]} {node['failureSummary']}"
        for one in found
        for node in one["nodes"]
    ]
