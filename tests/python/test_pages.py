from xml.etree import ElementTree

from textgen.python.pages import pace_of, page, run_page
from textgen.runs.run import Run
from textgen.runs.summary import summarise

HOSTILE = "<script>alert(1)</script>\x1b[2J\u202e&amp;'\""


def test_texts_cannot_be_more_than_texts() -> None:
    rows = [{"step": 1, "sample": f"a\n{HOSTILE}"}]
    drawn = page(HOSTILE, rows, step=1, last_step=2, details=[HOSTILE])
    root = ElementTree.fromstring(drawn)  # it is well-formed
    assert {one.tag for one in root.iter()} == {"div", "b", "progress", "pre"}
    shown = "<script>alert(1)</script>\u241b[2J<U+202E>&amp;'\""
    assert root.findtext("div/b") == shown
    assert root.findtext("pre") == f"a\n{shown}"
    bar = root.find("progress")
    assert bar is not None
    assert (bar.attrib["value"], bar.attrib["max"]) == ("1", "2")


def test_a_run_tells_its_best_loss_and_a_damaged_one_its_problem(tiny_run) -> None:  # type: ignore[no-untyped-def]
    run = Run(tiny_run)
    info = summarise(run)
    drawn = run_page(info, run.metrics())
    assert "fox: step 20 of 20" in drawn
    assert f"{info['best_bits_per_character']:.3f} bits per character, at step" in drawn
    assert "<svg" in drawn
    (tiny_run / "run.json").write_text("{<b>")
    assert "is damaged" in run_page(summarise(run), [])


def test_the_pace_has_the_last_losses() -> None:
    row = {"training_bits_per_character": 2.5, "characters_per_second": 12345.6}
    assert pace_of(row, 90) == (
        "training 2.500, validation - bits per character, 12,346 characters per second, "
        "1 min 30 s left"
    )
    assert pace_of(row, None).endswith(", 12,346 characters per second")
