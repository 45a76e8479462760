from pathlib import Path

from textgen.export.model_card import model_card
from textgen.workflows.load import load_model


def test_a_card_tells_the_network_the_text_and_the_loss(tiny_run: Path) -> None:
    model = load_model("fox")
    card, record = model_card(model, 3.25), model.run.record()
    assert card.startswith("---\n")
    assert "# fox" in card
    assert record.corpus.sha256 in card
    assert "| layers x units | 1x16 |" in card
    assert f"{record.corpus.training_characters:,} characters for training" in card
    assert "| validation | 3.2500 |" in card
    assert "textgen sample fox" in card
    assert "not measured" in model_card(model, None)
    # The text itself is not told.
    assert "quick brown" not in card


def test_the_name_of_a_run_is_no_markup(tiny_run: Path) -> None:
    name = tiny_run.with_name("<b>\nfox")
    tiny_run.rename(name)
    card = model_card(load_model(str(name)), None)
    assert "<b>" not in card.split("## How to write")[0]
