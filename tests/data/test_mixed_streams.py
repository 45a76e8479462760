import numpy as np
import pytest

from textgen.data.document_streams import DocumentStreams
from textgen.data.mixed_streams import MixedStreams
from textgen.data.streams import Streams

TEXT = np.random.default_rng(1).integers(1, 7, 400).astype(np.uint8)
DOCUMENTS = np.array([9, 1, 2, 9, 3, 9, 4, 5, 6, 9], np.uint8)
LABELS = np.array([[1], [2], [3]])


@pytest.mark.parametrize("step", [0, 1, 77])
def test_each_text_is_read_as_if_the_other_were_not_there(step: int) -> None:
    first, second = Streams(TEXT, 5, 3, 4, 0.5), DocumentStreams(DOCUMENTS, 9, 2, 3, 4)
    mixed = MixedStreams(first, second, 5).batch(step)
    for column, own, other in zip(mixed, first.batch(step), second.batch(step), strict=True):
        if own is not None:
            np.testing.assert_array_equal(column[:5], own)
            np.testing.assert_array_equal(column[5:], other)
    assert mixed.inputs.shape == (7, 3)
    assert mixed.labels is None


def test_the_other_text_has_no_labels() -> None:
    first = DocumentStreams(DOCUMENTS, 9, 2, 3, 4, 0.0, LABELS)
    mixed = MixedStreams(first, Streams(TEXT, 3, 3, 4), 2).batch(5)
    assert mixed.labels is not None
    np.testing.assert_array_equal(mixed.labels[:2], first.batch(5).labels)
    assert mixed.labels.shape == (5, 3, 1)
    assert not mixed.labels[2:].any()


@pytest.mark.parametrize("step", [0, 3, 200])
def test_parts_of_readers_make_their_rows_of_the_batch(step: int) -> None:
    streams = Streams(TEXT, 6, 7, 4, 0.5)
    documents = DocumentStreams(DOCUMENTS, 9, 2, 3, 4, 0.5, LABELS)
    for whole, rows in ((streams, 6), (documents, 2)):
        for begin, end in ((0, 1), (1, 2), (0, rows), (rows // 2, rows)):
            for column, own in zip(
                whole.batch(step), whole.part(begin, end).batch(step), strict=True
            ):
                if column is not None:
                    np.testing.assert_array_equal(column[begin:end], own)
    mixed = MixedStreams(
        DocumentStreams(DOCUMENTS, 9, 2, 3, 4, 0.5, LABELS), Streams(TEXT, 3, 3, 4), 2
    )
    for begin, end in ((0, 1), (1, 4), (2, 5), (0, 5)):
        for column, own in zip(mixed.batch(step), mixed.part(begin, end).batch(step), strict=True):
            np.testing.assert_array_equal(column[begin:end], own)
