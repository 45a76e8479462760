"""What a notebook shows of a training and of a run, as HTML. All texts in it are escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from textgen.python.curve_picture import curve_picture
from textgen.readable import visible
from textgen.runs.metrics import SAMPLE
from textgen.terminal.display.render import format_bits, format_duration


def page(
    heading: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    step: int = 0,
    last_step: int = 0,
    details: Sequence[str] = (),
) -> str:
    """Return a heading, a bar of progress, details, a learning curve and the last sample.

    Args:
        heading: what is shown, in one line.
        rows: rows of metrics, in the order of the steps.
        step: the last step that was made.
        last_step: last step of the plan; 0 if it is not known, and there is no bar.
        details: lines below the bar.
    """
    parts = [f"<div><b>{safe(heading)}</b></div>"]
    if last_step:
        parts.append(f'<progress value="{step}" max="{last_step}" style="width:100%"></progress>')
    parts += [f"<div>{safe(line)}</div>" for line in details]
    parts.append(curve_picture(rows, last_step))
    sample = next((row[SAMPLE] for row in reversed(rows) if SAMPLE in row), None)
    if sample:
        style = "white-space:pre-wrap;overflow-wrap:anywhere;margin:0;max-height:10em;overflow:auto"
        parts.append(f'<pre style="{style}">{safe(sample)}</pre>')
    return f'<div style="max-width:640px">{"".join(parts)}</div>'


def run_page(info: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what a notebook shows of a run.

    Args:
        info: its summary.
        rows: rows of its metrics.
    """
    if "problem" in info:
        return page(f"{info['name']}: {info['problem']}", ())
    model = info["model"]
    details = [
        f"{info['corpus']['characters']:,} characters, {model['cell'].upper()} "
        f"{model['num_layers']}x{model['hidden_size']}, {model['parameters']:,} parameters"
    ]
    if info["best_bits_per_character"] is not None:
        details.append(
            f"lowest validation loss {format_bits(info['best_bits_per_character'])} "
            f"bits per character, at step {info['best_step']:,}"
        )
    heading = f"{info['name']}: step {info['step']:,} of {info['steps']:,}"
    return page(heading, rows, step=info["step"], last_step=info["steps"], details=details)


def pace_of(row: Mapping[str, Any], seconds_left: float | None) -> str:
    """Return a line with the losses, the speed and the time that is left; None if it is over."""
    bits = [row.get(f"{kind}_bits_per_character") for kind in ("training", "validation")]
    left = "" if seconds_left is None else f", {format_duration(seconds_left)} left"
    return (
        f"training {format_bits(bits[0])}, validation {format_bits(bits[1])} bits per character, "
        f"{row['characters_per_second']:,.0f} characters per second{left}"
    )


def safe(text: str) -> str:
    """Make a text safe to show in HTML."""
    return escape(visible(text))
