from pathlib import Path

from textgen.settings import SamplingSettings
from textgen.workflows.loading import load_model
from textgen.workflows.sampling import write_samples


def texts(num_samples: int, engine: str, length: int = 40, prompt: str = "the ") -> list[str]:
    pieces = write_samples(
        load_model("fox"),
        SamplingSettings(),
        prompt=prompt,
        length=length,
        num_samples=num_samples,
        seed=5,
        on_unknown="error",
        engine=engine,  # type: ignore[arg-type]
    )
    found: list[str] = []
    for number, text in pieces:
        if number is None:
            found[-1] += text
        else:
            assert number == len(found)
            found.append(text)
    return found


def test_samples_are_the_same_alone_together_and_on_both_engines(tiny_run: Path) -> None:
    three = texts(3, "numpy")
    assert [len(text) for text in three] == [40] * 3
    assert len(set(three)) == 3
    assert texts(3, "jax") == three
    assert texts(1, "jax") == three[:1]
    assert texts(70, "jax")[:3] == three


def test_no_characters_are_no_characters(tiny_run: Path) -> None:
    assert texts(2, "jax", length=0) == ["", ""]
    assert texts(2, "numpy", length=0) == ["", ""]
