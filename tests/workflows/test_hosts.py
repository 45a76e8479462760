from pathlib import Path

import numpy as np
import pytest

from textgen.errors import CorpusError, UsageError
from textgen.runs.run import Run
from textgen.workflows.hosts import open_text, place_of


def test_the_text_of_the_first_process_is_opened_and_its_own_copy_is_the_same(
    tiny_run: Path, tmp_path: Path
) -> None:
    run = Run(tiny_run)
    record = run.record()
    place = place_of(tiny_run, record.corpus, record.config.vocabulary, record.config.labels)
    training, validation = run.open_parts(record)
    for where in ("shared", "local"):
        text = open_text(place, where)  # type: ignore[arg-type]
        np.testing.assert_array_equal(np.asarray(text[0][:]), np.asarray(training[:]))
        np.testing.assert_array_equal(np.asarray(text[1][:]), np.asarray(validation[:]))
        assert text[2:] == (record.config.vocabulary.end_id, None, None)


def test_another_text_on_this_host_is_an_error(tiny_run: Path, tmp_path: Path) -> None:
    record = Run(tiny_run).record()
    place = place_of(tiny_run, record.corpus, record.config.vocabulary, record.config.labels)
    path = tmp_path / "other.txt"
    path.write_text("the dog\n" * 50)
    place["corpus"]["origin"] = [str(path)]
    with pytest.raises(CorpusError, match="another text than on the first host"):
        open_text(place, "local")


def test_a_folder_that_is_not_shared_is_an_error(tiny_run: Path, tmp_path: Path) -> None:
    record = Run(tiny_run).record()
    place = place_of(tmp_path, record.corpus, record.config.vocabulary, record.config.labels)
    with pytest.raises(UsageError, match=r"not shared with this host.*--corpus local"):
        open_text(place, "shared")
