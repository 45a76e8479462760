"""The figures as Prometheus reads them, worked by hand."""

import math

from textgen.serve.figures import Figures
from textgen.serve.http.metrics import metrics_text


def test_each_figure_has_a_name_a_kind_and_its_value() -> None:
    figures = Figures(
        running=3,
        waiting=2,
        written=1234,
        read=56,
        kept=7,
        hits=8,
        finished={"length": 5, "end": 1},
        first_seconds={0.1: 4, 0.5: 6, math.inf: 6},
        first_seconds_sum=1.25,
    )
    lines = metrics_text(figures, {404: 9}).splitlines()
    values = [line for line in lines if not line.startswith("#")]
    assert values == [
        "textgen_texts_running 3",
        "textgen_texts_waiting 2",
        "textgen_states_kept 7",
        "textgen_characters_written_total 1234",
        "textgen_characters_read_total 56",
        "textgen_states_found_total 8",
        'textgen_texts_finished_total{reason="length"} 5',
        'textgen_texts_finished_total{reason="end"} 1',
        'textgen_errors_total{status="404"} 9',
        'textgen_first_character_seconds_bucket{le="0.1"} 4',
        'textgen_first_character_seconds_bucket{le="0.5"} 6',
        'textgen_first_character_seconds_bucket{le="+Inf"} 6',
        "textgen_first_character_seconds_sum 1.250000",
        "textgen_first_character_seconds_count 6",
    ]
    kinds = [line.split() for line in lines if line.startswith("# TYPE")]
    assert len(kinds) == 9
    assert {kind for *_, kind in kinds} == {"gauge", "counter", "histogram"}
