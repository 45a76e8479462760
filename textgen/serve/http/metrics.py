"""The figures of a server as Prometheus reads them."""

import math
from collections.abc import Iterator, Mapping

from textgen.serve.figures import Figures


def metrics_text(figures: Figures, refused: Mapping[int, int]) -> str:
    """Return figures in the text format of Prometheus, version 0.0.4.

    Args:
        figures: what the scheduler has done.
        refused: number of answers with an error, by their HTTP status.
    """
    return "".join(f"{line}\n" for line in _lines(figures, refused))


def _lines(figures: Figures, refused: Mapping[int, int]) -> Iterator[str]:
    single = (
        ("texts_running", "gauge", "Texts that are written now.", figures.running),
        ("texts_waiting", "gauge", "Texts that wait for their turn.", figures.waiting),
        ("states_kept", "gauge", "States that are kept.", figures.kept),
        ("characters_written_total", "counter", "Characters written.", figures.written),
        ("characters_read_total", "counter", "Characters of prompts read.", figures.read),
        ("states_found_total", "counter", "Texts that began from a kept state.", figures.hits),
    )
    for name, kind, what, value in single:
        yield from _head(name, kind, what)
        yield f"textgen_{name} {value}"
    yield from _head("texts_finished_total", "counter", "Texts that have ended, by the reason.")
    for reason, count in figures.finished.items():
        yield f'textgen_texts_finished_total{{reason="{reason}"}} {count}'
    yield from _head("errors_total", "counter", "Answers with an error, by their HTTP status.")
    for status, count in refused.items():
        yield f'textgen_errors_total{{status="{status}"}} {count}'
    name = "first_character_seconds"
    yield from _head(name, "histogram", "Time from the request for a text to its first character.")
    for limit, count in figures.first_seconds.items():
        shown = "+Inf" if math.isinf(limit) else f"{limit:g}"
        yield f'textgen_{name}_bucket{{le="{shown}"}} {count}'
    yield f"textgen_{name}_sum {figures.first_seconds_sum:.6f}"
    yield f"textgen_{name}_count {figures.first_seconds.get(math.inf, 0)}"


def _head(name: str, kind: str, what: str) -> Iterator[str]:
    yield f"# HELP textgen_{name} {what}"
    yield f"# TYPE textgen_{name} {kind}"
