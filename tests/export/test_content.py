import json
from pathlib import Path

from textgen.data.vocabulary import END
from textgen.export.content import PageRun, pack_checkpoint, page_content, trained_config
from textgen.export.weights import page_parameters
from textgen.workflows.load import load_model


def test_a_run_is_described_as_in_its_config_and_holds_no_text(labelled_run: Path) -> None:
    model = load_model("kinds")
    assert model.trained is not None
    arrays = page_parameters(*model.trained)
    checkpoint = pack_checkpoint(model.step, 1.0, arrays, "int8")
    run = PageRun(
        model=model, precision="int8", checkpoints=(checkpoint,), bits={"int8": 1.23456}, measured=9
    )
    content = page_content([run], f"one{END}two", "a name")
    found = json.loads(json.dumps(content))
    assert found["text"] == "one\ntwo"
    (described,) = found["runs"]
    config = trained_config(model).to_json()
    assert described["characters"] == config["vocabulary"]
    assert described["end"] == config["end"]
    assert described["settings"]["num_labels"] == 4
    assert [one["name"] for one in described["labels"]] == ["kind", "language"]
    assert described["bits"] == {"int8": 1.2346}
    (kept,) = described["checkpoints"]
    assert kept["bits"] == 1.4427  # 1 nat
    assert [one["name"] for one in kept["arrays"]] == [*arrays]
    assert "layers.0.label_kernel" in arrays
