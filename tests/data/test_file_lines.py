from hypothesis import given
from hypothesis import strategies as st

from textgen.data.file_lines import FileLine, FileLines
from textgen.data.vocabulary import END

TEXTS = st.lists(st.text(f"ab\n{END}", min_size=1), min_size=1, max_size=5)


@given(TEXTS, st.integers(1, 4))
def test_each_line_is_found_in_its_file(texts: list[str], size: int) -> None:
    # Each text ends its last line, as the newline between two files does.
    named = [(f"{number}.txt", text + "\n") for number, text in enumerate(texts)]
    pieces = [
        (name, text[start : start + size])
        for name, text in named
        for start in range(0, len(text), size)
    ]
    lines = FileLines()
    assert "".join(lines.count([("0.txt", ""), *pieces])) == "".join(text for _, text in named)
    wanted = [
        FileLine(name, line + 1)
        for name, text in named
        for line in range(text.count("\n") + text.count(END))
    ]
    assert [lines.find(number + 1) for number in range(len(wanted))] == wanted
