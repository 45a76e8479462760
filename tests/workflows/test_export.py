import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.numpy

from tests.export.runs import random_run
from textgen.errors import DamagedError, StorageError, UsageError
from textgen.runs.checkpoint import CONFIG, MODEL
from textgen.workflows.export import (
    CARD,
    TEXT_CHARACTERS,
    Exported,
    PageOrder,
    check_target,
    export_folder,
    export_page,
)
from textgen.workflows.load import load_model

PAGE = Path("page.html")
ORDER = PageOrder(runs=["fox"])


def export(order: PageOrder = ORDER, *, force: bool = False) -> Exported:
    return export_page(PAGE, order, is_forced=force, tell=lambda _: None)


def content() -> dict[str, object]:
    text = PAGE.read_text(encoding="utf-8")
    (found,) = re.findall(r'<script type="application/json" id="content">(.*?)</script>', text)
    return json.loads(found)  # type: ignore[no-any-return]


def test_a_page_holds_the_beginning_of_the_validation_text_and_never_the_corpus(
    tiny_run: Path,
) -> None:
    exported = export()
    model = load_model("fox")
    tokens = model.validation_tokens()
    assert tokens is not None
    validation = model.config.vocabulary.decode(tokens[:TEXT_CHARACTERS])
    assert content()["text"] == validation
    assert content()["textName"] == "validation text of fox"
    assert exported.size == PAGE.stat().st_size
    assert [*exported.bits[0]] == ["float32", "float16", "int8"]
    assert exported.measured == (len(validation),)
    export(replace(ORDER, text="", text_name=""), force=True)
    assert content()["text"] == ""
    assert "quick brown" not in PAGE.read_text(encoding="utf-8")


def test_the_same_order_gives_the_same_page(tiny_run: Path) -> None:
    export()
    first = PAGE.read_bytes()
    export(force=True)
    assert PAGE.read_bytes() == first


def test_pages_shrink_with_the_weights_and_grow_with_the_checkpoints(tiny_run: Path) -> None:
    sizes = [
        export(replace(ORDER, precision=precision), force=True).size  # type: ignore[arg-type]
        for precision in ("float32", "float16", "int8")
    ]
    assert sizes[0] > sizes[1] > sizes[2]
    assert export(replace(ORDER, checkpoints="all"), force=True).size > sizes[1]
    (run,) = content()["runs"]  # type: ignore[misc]
    assert [one["step"] for one in run["checkpoints"]] == load_model("fox").run.steps()


def test_a_page_that_exists_is_kept_and_replaced_only_if_forced(tiny_run: Path) -> None:
    PAGE.write_text("mine")
    for act in (lambda: check_target(PAGE, is_folder=False, is_forced=False), export):
        with pytest.raises(UsageError, match="exists already; replace it with --force"):
            act()
    assert PAGE.read_text() == "mine"
    check_target(PAGE, is_folder=False, is_forced=True)
    export(force=True)
    assert PAGE.read_text().startswith("<!DOCTYPE html>")
    assert sorted(os.listdir()) == ["checkpoints", "page.html"]


def test_a_run_without_its_text_gives_a_page_without_text(tiny_run: Path) -> None:
    run = load_model("fox").run
    record = run.record()
    run.write_record(replace(record, corpus=record.corpus.without_files()))
    exported = export()
    assert content()["text"] == ""
    assert exported.bits == ({},)


def test_a_folder_is_the_model_and_its_card(tiny_run: Path) -> None:
    exported = export_folder(Path("model"), "fox", is_forced=False)
    assert sorted(os.listdir("model")) == sorted([MODEL, CONFIG, CARD])
    assert exported.size == sum(path.stat().st_size for path in Path("model").iterdir())
    model = load_model("fox")
    original = model.run.folder(model.step)
    for name in (MODEL, CONFIG):
        assert Path("model", name).read_bytes() == (original / name).read_bytes()
    arrays = safetensors.numpy.load_file(f"model/{MODEL}")
    assert {*arrays} == {*model.parameters}
    with pytest.raises(UsageError, match="exists already"):
        export_folder(Path("model"), "fox", is_forced=False)
    Path("model", "mine").touch()
    export_folder(Path("model"), "fox", is_forced=True)
    assert Path("model", "mine").exists()


def test_a_run_of_both_directions_is_refused(two_way_run: Path) -> None:
    refused = "reads in both directions, .* textgen export needs a run that reads forward"
    with pytest.raises(UsageError, match=refused):
        export(PageOrder(runs=["two-ways"]))
    # A folder says how to write with the network, and this one cannot.
    with pytest.raises(UsageError, match=refused):
        export_folder(Path("model"), "two-ways", is_forced=False)
    assert not PAGE.exists()
    assert not Path("model").exists()


def test_a_network_that_is_too_large_is_told_what_would_fit(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random_run(tiny_run, Path("checkpoints/large"), hidden_size=64)
    order = PageOrder(runs=["large"], precision="float32")
    monkeypatch.setattr("textgen.workflows.export.MAX_PAGE_BYTES", 80_000)
    with pytest.raises(
        UsageError, match=r"at most 0\.08 MB .*; --weights float16 .* gives 0\.0\d+ MB"
    ):
        export(order)
    monkeypatch.setattr("textgen.workflows.export.MAX_PAGE_BYTES", 100)
    with pytest.raises(UsageError, match="a network of this size does not fit into a page"):
        export(order)
    assert not PAGE.exists()


def test_a_damaged_run_leaves_nothing_behind(tiny_run: Path) -> None:
    model = load_model("fox")
    path = model.run.folder(model.step) / MODEL
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    for act in (export, lambda: export_folder(Path("model"), "fox", is_forced=False)):
        with pytest.raises(DamagedError, match="SHA-256"):
            act()
    assert os.listdir() == ["checkpoints"]


@pytest.mark.parametrize(
    ("path", "is_folder", "why"),
    [
        ("gone/page.html", False, "there is no such folder"),
        ("folder", False, "it is a folder, not a file"),
        ("file", True, "it is a file, not a folder"),
        ("file/model", True, "there is no such folder"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(
    path: str, why: str, *, is_folder: bool
) -> None:
    Path("folder").mkdir()
    Path("file").touch()
    with pytest.raises(StorageError, match=why):
        check_target(Path(path), is_folder=is_folder, is_forced=True)


def test_a_folder_without_right_to_write_is_refused(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The system refuses nothing to the administrator, as whom tests may run.
    monkeypatch.setattr(os, "access", lambda path, mode: not (mode & os.W_OK))
    with pytest.raises(StorageError, match="no permission"):
        check_target(PAGE, is_folder=False, is_forced=False)
