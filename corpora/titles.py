"""Titles for tunes, put together from words."""

import random

TRADES = (
    *(
        "Cooper",
        "Ferryman",
        "Miller",
        "Weaver",
        "Thatcher",
        "Drover",
        "Chandler",
        "Tinker",
        "Widow",
    ),
    *("Fowler", "Sexton", "Carter", "Potter", "Farrier", "Shepherd", "Baker", "Fiddler"),
)
PEOPLE = ("Marnie", "Tobin", "Old Perrin", "Annick", "Young Corrie", "Hedda", "Mother Lovat")
THINGS = (
    *("Lantern", "Geese", "Kettle", "Bridge", "Garden", "Apron", "Wheelbarrow", "Heron", "Ladder"),
    *("Bonnet", "Clock", "Orchard", "Bell", "Pony", "Hat", "Gate", "Boots", "Hearth", "Barrel"),
    *("Candle", "Rooster", "Thimble", "Holiday", "Supper", "Morning", "Welcome", "Wedding"),
)
QUALITIES = (
    *("Crooked", "Silver", "Windy", "Borrowed", "Merry", "Frosty", "Painted", "Lost", "Quiet"),
    *("Barefoot", "Golden", "Rusty", "Early", "Lame", "Speckled", "Patient", "Hasty", "Green"),
)
DEEDS = (
    *("Chasing", "Mending", "Dancing round", "Waiting for", "Finding", "Carrying", "Painting"),
    *("Looking for", "Minding", "Hiding", "Selling", "Counting", "Waking", "Follow", "Mind"),
)
HEADS = ("Thorn", "Hazel", "Mar", "Ald", "Wether", "Rush", "Corn", "Brack", "Swan", "Ellen", "Ox")
TAILS = ("wick", "mere", "ley", "combe", "haven", "stead", "moor", "ness", "brook", "holt", "garth")
MOVES = ("over", "at", "by", "beyond", "below", "leaving", "in")


def draw_title(style: str, source: random.Random) -> str:
    """Draw a title for a tune of a given style."""
    draw = source.choice
    trade, person, thing, quality = map(draw, (TRADES, PEOPLE, THINGS, QUALITIES))
    place = draw(HEADS) + draw(TAILS)
    title = draw(
        (
            f"The {trade}'s {thing}",
            f"{person}'s {thing}",
            f"The {quality} {thing}",
            f"The {quality} {trade}",
            f"{draw(DEEDS)} the {thing}",
            f"The {thing} {draw(MOVES)} {place}",
            f"The {trade} of {place}",
            f"{person} of {place}",
            f"The {place} {style}",
        )
    )
    is_named = title.endswith(style)
    return title if is_named or source.random() < 0.7 else f"{title} {style}"


def new_title(style: str, taken: set[str], source: random.Random) -> str:
    """Draw a title that no tune has yet, and add it to those taken."""
    while (title := draw_title(style, source)) in taken:
        pass
    taken.add(title)
    return title
