import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgen.data.document_streams import DocumentStreams
from textgen.errors import SettingError

END = 9
DOCUMENTS = st.lists(st.lists(st.integers(1, 8), min_size=1, max_size=7), min_size=1, max_size=9)


def tokens_of(documents: list[list[int]]) -> np.ndarray:
    return np.array([END, *(one for document in documents for one in [*document, END])], np.uint8)


@pytest.mark.slow
@given(DOCUMENTS, st.integers(1, 4), st.integers(1, 6), st.integers(0, 3))
def test_every_epoch_reads_every_document_once(
    documents: list[list[int]], batch_size: int, length: int, seed: int
) -> None:
    tokens = tokens_of(documents)
    if (len(tokens) - 1) // length < 1:
        return
    streams = DocumentStreams(tokens, END, batch_size, length, seed)
    # Reader 0 in its second epoch, from the first window to the last.
    first = streams.windows - int(streams._begins[0])
    read: list[int] = []
    for window in range(streams.windows):
        batch = streams.batch(first + window)
        assert bool(batch.resets[0]) == (window == 0 or first + window == 0)
        assert batch.inputs[0, 1:].tolist() == batch.targets[0, :-1].tolist()
        read += batch.inputs[0].tolist()
    read.append(int(batch.targets[0, -1]))
    left_out = len(tokens) - len(read)
    assert 0 <= left_out < length
    # All documents but those that the offset cuts at either end are read whole, each once.
    text = "".join(map(str, read))
    whole = text.split(str(END))[1:-1]
    wanted = ["".join(map(str, document)) for document in documents]
    for one in set(whole):
        assert whole.count(one) <= wanted.count(one)
    if not left_out:
        assert sorted(whole) == sorted(wanted)


def test_the_order_changes_from_epoch_to_epoch_and_not_with_the_calls() -> None:
    tokens = tokens_of([[number % 8 + 1] * (number % 5 + 1) for number in range(40)])
    streams = DocumentStreams(tokens, END, 4, 7, seed=5, reset_rate=0.2)
    batches = [streams.batch(step) for step in range(3 * streams.windows)]
    again = DocumentStreams(tokens, END, 4, 7, seed=5, reset_rate=0.2)
    for step in reversed(range(len(batches))):
        for one, other in zip(batches[step], again.batch(step), strict=True):
            np.testing.assert_array_equal(one, other)
    begin = streams.windows - int(streams._begins[0])
    first, second = (batches[begin + streams.windows * epoch].inputs[0] for epoch in (0, 1))
    assert first.tolist() != second.tolist()


def test_documents_that_are_too_short_for_a_window_are_refused() -> None:
    with pytest.raises(SettingError, match="sequence_length"):
        DocumentStreams(tokens_of([[1]]), END, 1, 5, seed=0)


def test_each_position_has_the_labels_of_its_document_in_every_epoch() -> None:
    documents = [[number % 8 + 1] * (number % 5 + 1) for number in range(40)]
    # The label tells the document: its number, and in a second field what stands in it.
    labels = np.array([[number + 1, document[0]] for number, document in enumerate(documents)])
    tokens = tokens_of(documents)
    streams = DocumentStreams(tokens, END, 4, 7, seed=5, labels=labels)
    plain = DocumentStreams(tokens, END, 4, 7, seed=5)
    seen = left_out = 0
    for step in range(3 * streams.windows):
        batch, other = streams.batch(step), plain.batch(step)
        np.testing.assert_array_equal(batch.inputs, other.inputs)
        assert other.labels is None
        assert batch.labels is not None
        assert batch.labels.shape == (4, 7, 2)
        for token, target, (number, value) in zip(
            batch.inputs.ravel(), batch.targets.ravel(), batch.labels.reshape(-1, 2), strict=True
        ):
            seen, left_out = seen + 2, left_out + int(number == 0) + int(value == 0)
            # The end symbol has the labels of the document that it begins.
            inside = target if token == END else token
            assert value in (0, inside)
            assert number == 0 or documents[number - 1][0] == inside
    # A tenth of 120 documents in each of two fields: 24 of 240, with a standard deviation of 4.6.
    assert 0.02 < left_out / seen < 0.2


def test_what_an_epoch_leaves_out_depends_on_the_seed_and_the_epoch_alone() -> None:
    tokens = tokens_of([[1, 2]] * 50)
    labels = np.ones((50, 3), np.uint16)
    streams = [DocumentStreams(tokens, END, 2, 5, seed=s, labels=labels) for s in (5, 5, 6)]
    epochs = [[stream._epoch(number).labels for number in range(2)] for stream in streams]
    np.testing.assert_array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[0][0], epochs[0][1])
    assert not np.array_equal(epochs[0][0], epochs[2][0])
    # Each field is left out by itself.
    left_out = np.array(epochs[0][0]) == 0
    assert (left_out.any(axis=1) & ~left_out.all(axis=1)).any()
    assert streams[0].batch(9).labels is not None
    np.testing.assert_array_equal(streams[0].batch(9).labels, streams[1].batch(9).labels)


def test_lookahead_reads_the_documents_that_follow_and_nothing_behind_the_epoch() -> None:
    tokens = np.array([9, 1, 2, 9, 3, 9, 4, 5, 6, 9], np.uint8)
    plain, ahead = (
        DocumentStreams(tokens, 9, 2, 3, 1, 0.0, None, lookahead) for lookahead in (0, 5)
    )
    for step in range(12):
        short, long = plain.batch(step), ahead.batch(step)
        np.testing.assert_array_equal(long.targets, short.targets)
        np.testing.assert_array_equal(long.inputs[:, :3], short.inputs)
        np.testing.assert_array_equal(long.inputs[:, 1:4], short.targets)
        window = plain.windows
        for row in long.inputs.tolist():
            behind = row[4:]
            # Zeros come behind the last end symbol alone.
            known = [one for one in behind if one]
            assert behind == known + [0] * (5 - len(known))
    assert window == 3
