from textgen.readable import width, wrap


def test_lines_are_broken_between_words_and_inside_of_long_ones() -> None:
    assert wrap("one two seventeen", 7) == ["one two", "sevente", "en"]
    wide = wrap("\u6570\u5b66\u6570\u5b66 one", 5)
    assert wide == ["\u6570\u5b66", "\u6570\u5b66", "one"]
    assert max(map(width, wide)) == 4
