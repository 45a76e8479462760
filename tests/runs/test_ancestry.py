import json
import math

import pytest

from textgen.errors import SettingError
from textgen.runs.ancestry import Ancestor

ONE = Ancestor(
    name="old", step=7, sha256="ab" * 32, origin=("/a.txt", "-"), known_ids=66, first_loss=1.25
)


def test_an_ancestor_comes_back_from_json() -> None:
    assert Ancestor.from_json(json.loads(json.dumps(ONE.to_json()))) == ONE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", 5),
        ("sha256", None),
        ("origin", [1]),
        ("step", -1),
        ("known_ids", 1),
        ("known_ids", "66"),
        ("first_loss", math.nan),
    ],
)
def test_json_of_a_stranger_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(SettingError, match=name):
        Ancestor.from_json(ONE.to_json() | {name: value})
    with pytest.raises(TypeError):
        Ancestor.from_json(ONE.to_json() | {"surprise": value})
