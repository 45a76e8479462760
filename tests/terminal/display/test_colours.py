from textgen.terminal.display.colours import Tile, paint


def test_a_colour_is_named_only_where_it_changes() -> None:
    tiles = [Tile("a", "1"), Tile("b", "1"), Tile("c"), Tile("", "3"), Tile("d", "2")]
    assert paint(tiles) == "\x1b[1mab\x1b[0mc\x1b[2md\x1b[0m"
    assert paint(tiles, colours=False) == "abcd"
