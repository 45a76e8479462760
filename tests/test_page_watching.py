"""The exported page in a real browser: watching a network, by clicking and reading the page."""

import math
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browsers import Opened, opened
from tests.export.runs import random_run
from textgen.generation.filters import softmax
from textgen.generation.model import Model
from textgen.interpretation.gates import watch
from textgen.network.cells import CELLS
from textgen.network.inference import next_logits, prepare_parameters
from textgen.workflows.export import PageOrder, export_page
from textgen.workflows.load import load_model

TEXT = "the quick brown fox jumps over the lazy dog\nthe dog sleeps on.\n"


def silent(_: str) -> None:
    """Say nothing of the progress."""


def number(text: str) -> float:
    """Return the last number of a text; the page writes a minus sign, not a hyphen."""
    return float(re.findall(r"-?\d+(?:\.\d+)?", text.replace("\u2212", "-"))[-1])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, tiny_run_source: Path) -> Model:
    run = tmp_path_factory.mktemp("watched") / "fox"
    random_run(tiny_run_source, run, hidden_size=14, num_layers=2, size=0.6)
    return load_model(str(run))


@pytest.fixture(scope="module")
def page(browser: Any, model: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    path = tmp_path_factory.mktemp("page") / "page.html"
    order = PageOrder(runs=[str(model.run.path)], precision="float32", text=TEXT)
    export_page(path, order, is_forced=False, tell=silent)
    with opened(browser, path) as page:
        page.watch()
        yield page


@pytest.fixture(autouse=True)
def as_it_was(page: Opened) -> None:
    """Bring the page back to its text, its last layer and its best checkpoint before each test."""
    page.page.evaluate(
        "async () => { const { watching } = textgen.app; watching.intervention.release();"
        f" watching.take({TEXT!r}); await watching.chooseUnit(3, 1);"
        " watching.paint('surprise'); watching.choose(0); }"
    )
    page.until("textgen.app.watching.trace.characters.length === 63")


def choose(page: Opened, index: int) -> None:
    """Choose a character by a click."""
    page.page.locator(f"#passage span[data-index='{index}']").click()
    place = f"Character {index + 1} of"
    page.until(f"document.getElementById('step-place').textContent.startsWith('{place}')")


def equation(page: Opened) -> dict[str, float]:
    """Return the value of each line of the equation, by its letter."""
    lines = page.page.locator("#equation .line").all_text_contents()
    return {line[0]: number(line) for line in lines}


@pytest.mark.slow
@pytest.mark.parametrize("layer", [0, 1])
def test_gates_states_surprise_and_guesses_are_those_of_inspect(
    layer: int, page: Opened, model: Model
) -> None:
    tokens = model.config.vocabulary.encode(TEXT)
    wanted = watch(model.config, model.parameters, tokens, layer + 1)
    page.page.select_option("#layer", index=layer)
    page.until(f"textgen.app.watching.layer === {layer}")
    trace = page.page.evaluate(
        f"textgen.app.job('trace', {{ text: {TEXT!r}, layer: {layer} }}).done.then(trace => ({{"
        " quantities: Object.fromEntries(Object.entries(trace.quantities).map("
        "([name, values]) => [name, Array.from(values)])), bits: Array.from(trace.bits),"
        " guesses: Array.from(trace.guesses), chances: Array.from(trace.chances) }))"
    )
    assert set(trace["quantities"]) == set(wanted.quantities)
    for name, values in trace["quantities"].items():
        np.testing.assert_allclose(values, wanted.quantities[name].ravel(), atol=1e-5)
    np.testing.assert_allclose(trace["bits"], wanted.bits, atol=1e-4)
    guessed = [guess for guesses in wanted.guesses for guess in guesses]
    characters = model.config.vocabulary.characters
    assert [characters[k - 1] for k in trace["guesses"]] == [one.character for one in guessed]
    np.testing.assert_allclose(trace["chances"], [one.probability for one in guessed], atol=1e-5)


@pytest.mark.slow
def test_the_heat_map_is_drawn_and_a_click_chooses_character_and_unit(page: Opened) -> None:
    page.page.select_option("#width", "14")
    drawn = page.page.evaluate(
        "() => { const { width, height } = document.getElementById('map-canvas');"
        " const pen = document.getElementById('map-canvas').getContext('2d');"
        " return [width, height, new Set(pen.getImageData(0, 0, width, height).data).size]; }"
    )
    assert drawn[0] > 300
    assert drawn[1] > 500
    assert drawn[2] > 60
    blocks = page.page.evaluate(
        "textgen.app.watching.panels[1].blocks.map(({ name, units, top }) => ({name, units, top}))"
    )
    assert [block["name"] for block in blocks] == [
        "forget", "input", "candidate", "cell", "output", "hidden"
    ]  # fmt: skip
    unit = blocks[2]["units"][4]
    x, y = 58 + 20 * 14 + 5, blocks[2]["top"] + 4 * 10 + 5
    page.page.click("#map-canvas", position={"x": x, "y": y})
    page.until(f"document.getElementById('unit').value === '{unit}'")
    assert page.text("#step-place").startswith("Character 21 of 63")
    label = page.page.get_attribute("#map", "aria-label")
    assert label.startswith(f"Layer 2 at character 21, j. Unit {unit}: forget gate")
    page.page.select_option("#width", "36")


@pytest.mark.slow
def test_arrow_keys_step_and_the_map_follows_thousands_of_characters(page: Opened) -> None:
    page.page.locator("#passage").focus()
    for key, place in (("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2)):
        page.page.keyboard.press(key)
        assert page.text("#step-place").startswith(f"Character {place} of 63")
    page.page.click("#change-text")
    page.page.fill("#new-text", TEXT * 70)
    page.page.click("#read-text")
    page.until("document.getElementById('step-place').textContent.includes('of 4,410')")
    page.page.evaluate("textgen.app.watching.choose(4000)")
    assert page.page.evaluate("document.getElementById('map').scrollLeft") > 100_000
    assert page.page.evaluate("document.getElementById('map-canvas').width") < 3000


def test_the_equation_has_the_numbers_of_the_step(page: Opened, model: Model) -> None:
    tokens = model.config.vocabulary.encode(TEXT)
    watched = watch(model.config, model.parameters, tokens, 2)
    choose(page, 18)
    page.until("document.querySelector('#equation p').textContent.includes('reads x')")
    found = equation(page)
    names = {"f": "forget", "i": "input", "g": "candidate", "o": "output", "c": "cell"}
    names["h"] = "hidden"
    for letter, name in names.items():
        assert found[letter] == pytest.approx(watched.quantities[name][18, 3], abs=0.006), name
    # The sums in the brackets give the gates.
    line = str(page.page.locator("#equation .line").first.text_content()).replace("\u2212", "-")
    first, second = map(float, re.findall(r"\((-?[\d.]+) \+ (-?[\d.]+)\)", line)[0])
    assert 1 / (1 + math.exp(-first - second)) == pytest.approx(found["f"], abs=0.01)
    bits = float(watched.bits[18])
    assert f"{bits:.1f} bits" in page.text("#step-surprise")


def test_the_guesses_are_a_table_in_which_the_right_one_is_marked(
    page: Opened, model: Model
) -> None:
    tokens = model.config.vocabulary.encode(TEXT)
    watched = watch(model.config, model.parameters, tokens, 2)
    index = next(
        k for k in range(60) if TEXT[k + 1] in [g.character for g in watched.guesses[k + 1]]
    )
    choose(page, index)
    rows = page.page.locator("#guesses tbody tr")
    assert rows.count() == 5
    assert page.page.locator("#guesses tr.true").count() == 1
    shown = [rows.nth(k).locator("td").first.text_content() for k in range(5)]
    names = {" ": "\u2423", "\n": "\u21b5"}
    wanted = [guess.character for guess in watched.guesses[index + 1]]
    assert shown == [names.get(character, character) for character in wanted]


@pytest.mark.slow
def test_a_unit_colours_the_text_and_lists_where_it_is_active(page: Opened, model: Model) -> None:
    tokens = model.config.vocabulary.encode(TEXT)
    memory = watch(model.config, model.parameters, tokens, 2).quantities["cell"][:, 5]
    page.page.fill("#unit", "5")
    page.page.locator("#unit").press("Tab")
    page.page.click("#unit-colour")
    page.until("document.getElementById('passage-key').textContent.includes('unit 5')")
    first = page.page.locator("#unit-high button").first
    assert number(str(first.text_content())) == pytest.approx(memory.max(), abs=0.006)
    first.click()
    assert page.text("#step-place").startswith(f"Character {memory.argmax() + 1} of")
    # The panel follows the character: it tells the value there.
    here = page.text("#unit-name").removesuffix(" here.")
    assert number(here) == pytest.approx(memory.max(), abs=0.006)
    low = page.page.locator("#unit-low button").first
    assert number(str(low.text_content())) == pytest.approx(memory.min(), abs=0.006)
    colours = page.page.eval_on_selector_all(
        "#passage span", "found => found.map(one => one.style.background)"
    )
    # Blue below 0 and red above.
    for index in (int(memory.argmin()), int(memory.argmax())):
        red, _, blue = map(int, re.findall(r"\d+", colours[index]))
        assert (red > blue) == (memory[index] > 0)


@pytest.mark.slow
def test_a_named_unit_has_its_name_and_is_chosen_by_it(page: Opened, model: Model) -> None:
    named = page.page.evaluate("textgen.app.run.units.find(({ r }) => Math.abs(r) >= 0.3)")
    button = page.page.locator("#named-units button", has_text=f"{named['feature']}: layer").first
    button.click()
    page.until(f"document.getElementById('unit').value === '{named['unit']}'")
    assert named["feature"] in page.text("#unit-name")


Hold = Callable[[int, dict[str, np.ndarray]], None]


def held_bits(model: Model, hold: Hold, begin: int) -> np.ndarray:
    """Read the text with NumPy, step by step, with parts of the network held; return bits.

    Args:
        model: model that reads.
        hold: called with a layer and its gates, and with the layer and its state after the step,
            as arrays by name, which it may change.
        begin: index of the first character at which it is called.
    """
    settings, prepared = model.config.settings, prepare_parameters(model.parameters)
    cell, size = CELLS[settings.cell], settings.hidden_size
    states = [cell.fill_state(np.zeros(size, np.float32))] * settings.num_layers
    start = model.config.vocabulary.encode_start(model.config.start)
    tokens, bits = [*start, *model.config.vocabulary.encode(TEXT)], []
    for index, token in enumerate(tokens, start=-1):
        if index >= 0:
            chance = softmax(next_logits(settings, prepared, tuple(states)))[token]
            bits.append(-math.log2(chance))
        holds = hold if index >= begin else lambda layer, values: None
        below = None
        for layer in range(settings.num_layers):
            if below is None:
                inputs = prepared["table"][token]
            else:
                inputs = below @ prepared[f"layers.{layer}.input_kernel"]
                inputs = inputs + prepared[f"layers.{layer}.bias"]
            recurrent = states[layer].hidden @ prepared[f"layers.{layer}.recurrent_kernel"]
            after = STEPS[settings.cell](inputs, recurrent, states[layer], partial(holds, layer))
            states[layer], below = cell.state_type(**after), after["hidden"]
    return np.array(bits)


def lstm_step(inputs: Any, recurrent: Any, state: Any, hold: Any) -> dict[str, np.ndarray]:
    gates = CELLS["lstm"].gates(inputs + recurrent)._asdict()
    hold(gates)
    memory = {"cell": gates["forget"] * state.cell + gates["input"] * gates["candidate"]}
    hold(memory)
    shown = {"hidden": gates["output"] * np.tanh(memory["cell"])}
    hold(shown)
    return shown | memory


def gru_step(inputs: Any, recurrent: Any, state: Any, hold: Any) -> dict[str, np.ndarray]:
    size = len(state.hidden)
    both = 1 / (1 + np.exp(-(inputs + recurrent)[: 2 * size]))
    gates = {"reset": both[:size], "update": both[size:]}
    hold(gates)
    new = {"candidate": np.tanh(inputs[2 * size :] + gates["reset"] * recurrent[2 * size :])}
    hold(new)
    kept = gates["update"]
    shown = {"hidden": kept * state.hidden + (1 - kept) * new["candidate"]}
    hold(shown)
    return shown


def rnn_step(inputs: Any, recurrent: Any, state: Any, hold: Any) -> dict[str, np.ndarray]:
    shown = {"hidden": np.tanh(inputs + recurrent)}
    hold(shown)
    return shown


STEPS = {"lstm": lstm_step, "gru": gru_step, "rnn": rnn_step}


def holding(name: str, value: float, unit: int | slice = slice(None)) -> Hold:
    """Return what holds a part of layer 2 at a value."""

    def hold(layer: int, values: dict[str, np.ndarray]) -> None:
        if layer == 1 and name in values:
            values[name][unit] = value

    return hold


def hold_in(page: Opened, what: str, whose: str, begin: int, value: str = "") -> float:
    """Hold a part of the chosen unit or layer in the page; return the bits per character."""
    page.page.select_option("#hold-what", what)
    if value:
        page.page.fill("#hold-value", value)
    page.page.select_option("#hold-whose", whose)
    page.page.fill("#hold-from", str(begin + 1))
    page.page.click("#hold")
    page.until("document.getElementById('held-text').textContent.length >= 240")
    return number(page.text("#held-bits").split(" bits")[0])


@pytest.mark.slow
def test_a_forget_gate_is_held_shut_from_a_character_on(page: Opened, model: Model) -> None:
    begin = 20
    wanted = held_bits(model, holding("forget", 0), begin)[begin:].mean()
    free = held_bits(model, lambda layer, gates: None, begin)[begin:].mean()
    assert hold_in(page, "gate:forget:0", "layer", begin) == pytest.approx(wanted, abs=6e-4)
    assert number(page.text("#free-bits").split(" bits")[0]) == pytest.approx(free, abs=6e-4)
    assert abs(wanted - free) > 0.01
    generator = model.generator(seed=1)
    generator.feed(TEXT[:begin])
    assert page.text("#free-text") == generator.generate(240).text
    assert page.text("#held-text") != page.text("#free-text")
    page.page.get_by_role("button", name="Let go", exact=True).click()
    page.until("document.getElementById('outcomes').hidden")


@pytest.mark.slow
def test_a_unit_is_silenced_and_a_cell_is_set(page: Opened, model: Model) -> None:
    for what, value, wanted in (
        ("silence", "", holding("hidden", 0, 3)),
        ("cell", "4", holding("cell", 4, 3)),
        # A unit whose output gate is shut is silent.
        ("gate:output:0", "", holding("hidden", 0, 3)),
    ):
        bits = held_bits(model, wanted, 10)[10:].mean()
        assert hold_in(page, what, "unit", 10, value) == pytest.approx(bits, abs=6e-4)
        page.page.click("#release")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "holds"),
    [
        (
            "gru",
            {
                ("gate:reset:0", ""): holding("reset", 0),
                ("gate:update:1", ""): holding("update", 1),
                ("gate:reset", "0.5"): holding("reset", 0.5),
                ("silence", ""): holding("hidden", 0),
            },
        ),
        (
            "rnn",
            {("silence", ""): holding("hidden", 0), ("cell", "0.25"): holding("hidden", 0.25)},
        ),
    ],
)
def test_parts_of_other_cells_are_held(
    cell: str,
    holds: dict[tuple[str, str], Hold],
    browser: Any,
    tiny_run_source: Path,
    tmp_path: Path,
) -> None:
    run = random_run(tiny_run_source, tmp_path / cell, cell=cell, hidden_size=14, num_layers=2)
    model, path = load_model(str(run.path)), tmp_path / "page.html"
    order = PageOrder(runs=[str(run.path)], precision="float32", text=TEXT)
    export_page(path, order, is_forced=False, tell=silent)
    free = held_bits(model, lambda layer, values: None, 10)[10:].mean()
    with opened(browser, path) as page:
        page.watch()
        for (what, value), hold in holds.items():
            bits = held_bits(model, hold, 10)[10:].mean()
            assert abs(bits - free) > 0.005
            assert hold_in(page, what, "layer", 10, value) == pytest.approx(bits, abs=6e-4)
            page.page.click("#release")


def test_what_mattered_is_the_change_without_each_character(page: Opened, model: Model) -> None:
    index = 40
    choose(page, index)
    page.page.click("#influence-go")
    page.until("document.querySelectorAll('#influence-list li').length === 5")
    changes = page.page.evaluate("Array.from(textgen.app.watching.influence.found.changes)")
    assert len(changes) == index

    def bits(text: str) -> float:
        generator = model.generator(seed=0)
        generator.feed(text)
        return float(generator.score_tokens(model.config.vocabulary.encode(TEXT[index]))[0])

    whole = bits(TEXT[:index])
    for left in (0, 1, 20, 38, 39):
        without = bits(TEXT[:left] + TEXT[left + 1 : index]) - whole
        assert changes[left] == pytest.approx(without, abs=1e-3)
    strongest = int(np.argmax(np.abs(changes)))
    assert f"{index - strongest} character" in page.text("#influence-list li")
    assert page.page.input_value("#colour") == "influence"


@pytest.mark.slow
def test_the_tasks_check_their_answers(page: Opened, model: Model) -> None:
    tasks = page.page.locator("#tasks .task")
    watched = watch(model.config, model.parameters, model.config.vocabulary.encode(TEXT), 2)
    order = np.argsort(watched.bits)
    told = tasks.nth(0).locator("[role=status]")
    for index, answer in (
        (int(order[0]), "62 characters had more"),
        (int(order[-1]), "That is it"),
    ):
        choose(page, index)
        tasks.nth(0).get_by_role("button", name="Check").click()
        assert answer in str(told.text_content())
    told = tasks.nth(1).locator("[role=status]")
    choose(page, 30)
    tasks.nth(1).get_by_role("button", name="Check").click()
    assert "Choose a character first" in str(told.text_content())
    page.page.click("#influence-go")
    page.until("document.querySelectorAll('#influence-list li').length === 5")
    changes = page.page.evaluate("Array.from(textgen.app.watching.influence.found.changes)")
    right = 30 - int(np.argmax(np.abs(changes)))
    for back, answer in ((right % 30 + 1, "Not that one"), (right, f"Yes, {right}")):
        page.page.fill("#task-back", str(back))
        tasks.nth(1).get_by_role("button", name="Check").click()
        assert answer in str(told.text_content())
    told = tasks.nth(2).locator("[role=status]")
    tasks.nth(2).get_by_role("button", name="Check").click()
    assert "Nothing is held yet" in str(told.text_content())
    page.page.select_option("#hold-what", "gate:forget:0")
    page.page.click("#hold")
    page.until("document.getElementById('held-text').textContent.length >= 240")
    lines = [page.text(f"#{name}-text").split("\n") for name in ("free", "held")]
    free, held = (np.mean([len(line) for line in one]) for one in lines)
    change = held / free - 1
    truth = "shorter" if change < -0.15 else "longer" if change > 0.15 else "same"
    for answer in ("shorter", "longer", "same"):
        page.page.check(f"input[value={answer}]")
        tasks.nth(2).get_by_role("button", name="Check").click()
        wanted = "Right." if answer == truth else "Look again."
        page.until(f"document.querySelectorAll('#tasks .task')[2].textContent.includes('{wanted}')")
        says = re.findall(
            r"has ([\d.]+) characters on average, and held ([\d.]+)",
            page.text("#tasks .task:nth-child(3) [role=status]"),
        )[0]
        assert [*map(float, says)] == pytest.approx([free, held], abs=0.06)


@pytest.mark.slow
def test_a_slider_goes_over_the_checkpoints(browser: Any, tiny_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    order = PageOrder(runs=["fox"], precision="float32", checkpoints="all")
    export_page(path, order, is_forced=False, tell=silent)
    model = load_model("fox")
    steps = model.run.steps()
    assert len(steps) > 1
    with opened(browser, path) as page:
        page.watch()
        last = page.text("#passage-facts")
        page.until("document.getElementById('checkpoint-text').textContent.length >= 240")
        text = page.text("#checkpoint-text")
        assert text == model.generator(seed=1).generate(240).text
        page.page.locator("#checkpoint").focus()
        page.page.keyboard.press("Home")
        page.until(f"document.getElementById('passage-facts').textContent !== {last!r}")
        page.until("document.getElementById('checkpoint-text').textContent.length >= 240")
        assert page.text("#checkpoint-step") == str(steps[0])
        assert page.text("#checkpoint-text") != text


@pytest.mark.slow
def test_three_runs_stand_side_by_side(browser: Any, tiny_run_source: Path, tmp_path: Path) -> None:
    names = [str(tmp_path / cell) for cell in ("lstm", "gru", "rnn")]
    for name in names:
        random_run(tiny_run_source, Path(name), cell=Path(name).name, size=0.4)
    path = tmp_path / "page.html"
    order = PageOrder(runs=names, precision="float16")
    export_page(path, order, is_forced=False, tell=silent)
    with opened(browser, path) as page:
        page.page.click("#tab-compare")
        page.until("document.querySelectorAll('#strips canvas').length === 3")
        heads = page.page.locator("#strips h3").all_text_contents()
        for head, cell in zip(heads, ("LSTM", "GRU", "vanilla RNN"), strict=True):
            assert cell in head
            assert "bits per character" in head
        assert page.page.locator("#reach polyline").count() == 6
        assert page.page.locator("#reach li", has_text="half is left").count() == 6
        # Another network is watched and written with.
        page.page.select_option("#run", index=1)
        assert "GRU" in page.text("#facts")
        page.watch()
        assert set(equation(page)) == {"r", "z", "n", "h"}
        page.page.select_option("#run", index=2)
        page.until("document.querySelectorAll('#equation .line').length === 1")
        assert set(equation(page)) == {"h"}
