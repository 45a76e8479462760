import numpy as np

from textgen.generation.known_documents import KnownDocuments

END = 5


def test_only_whole_documents_are_known() -> None:
    training = np.array([END, 1, 2, 3, END, 4, END, 1, 2, 3, END, 2, END], np.uint8)
    known = KnownDocuments(training, END, 6)
    for document, is_known in (
        ([1, 2, 3], True),
        ([4], True),
        ([2], True),
        ([1, 2], False),
        ([3], False),
        ([1, 2, 3, 4], False),
        ([], False),
    ):
        assert (np.array(document, np.int32) in known) == is_known
