"""Runs as tables."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from textgen.network.cells import CELLS
from textgen.readable import cut, one_line, visible
from textgen.terminal.display.render import format_bits, format_bytes, format_duration, format_table

if TYPE_CHECKING:
    from textgen.workflows.bench import Speeds  # which imports JAX
    from textgen.workflows.extreme_lines import ExtremeLines

# Characters of a text's alphabet that are listed.
ALPHABET_SHOWN = 100


def format_summary(summary: dict[str, Any]) -> str:
    """Describe a run on several lines, from what `textgen.runs.summary` says of it."""
    rows = [
        ("run", summary["path"]),
        ("created", summary["created"]),
        *_corpus_rows(summary["corpus"]),
        *_network_rows(summary),
        *_plan_rows(summary),
        ("saved", ", ".join(map(str, summary["checkpoints"])) or "no checkpoint yet"),
        ("disk", format_bytes(summary["bytes_on_disk"])),
        ("made with", ", ".join(f"{k} {v}" for k, v in summary["versions"].items())),
    ]
    # Each on one line, with the spaces that align columns.
    safe = ((label, " ".join(visible(text).splitlines())) for label, text in rows)
    return "\n".join(f"{label:<10}{text}".rstrip() for label, text in safe)


def _corpus_rows(corpus: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "text", ", ".join(corpus["origin"])
    parts = f"{corpus['training_characters']:,} to train on"
    yield "", f"{corpus['characters']:,} characters, {parts}"
    yield "", f"SHA-256 {corpus['sha256']}"
    # Spaces and new lines by name, since they would be lost at the end of a line.
    names = {"\n": "\\n", "\t": "\\t", " ": "space"}
    alphabet = corpus["alphabet"]
    shown = [names.get(character, character) for character in alphabet[:ALPHABET_SHOWN]]
    more = " ..." if len(alphabet) > ALPHABET_SHOWN else ""
    yield "", f"{corpus['distinct_characters']} different: {' '.join(shown)}{more}"


def _network_rows(summary: dict[str, Any]) -> Iterator[tuple[str, str]]:
    model, memory = summary["model"], summary["memory"]
    yield (
        "network",
        f"{CELLS[model['cell']].title} {model['num_layers']}x{model['hidden_size']}, "
        f"{model['parameters']:,} parameters, dropout {model['dropout_rate']:g}",
    )
    widest = max(len(layer["name"]) for layer in summary["layers"])
    most = max(len(f"{layer['parameters']:,}") for layer in summary["layers"])
    for layer in summary["layers"]:
        shapes = ", ".join(
            f"{part} {'x'.join(map(str, shape))}" for part, shape in layer["shapes"].items()
        )
        yield "", f"  {layer['name']:{widest}}  {layer['parameters']:{most},}  {shapes}"
    yield (
        "memory",
        f"weights {format_bytes(memory['weights'])}, state of a text "
        f"{format_bytes(memory['state'])}, training {format_bytes(memory['training'])} and a batch",
    )


def _plan_rows(summary: dict[str, Any]) -> Iterator[tuple[str, str]]:
    plan, best, speed = (
        summary[name] for name in ("plan", "best_bits_per_character", "characters_per_second")
    )
    yield (
        "plan",
        f"{summary['steps']:,} steps of {plan['batch_size']} x {plan['sequence_length']} "
        f"characters, learning rate {plan['learning_rate']:g}, seed {plan['seed']}, "
        f"{plan['devices']} {'device' if plan['devices'] == 1 else 'devices'}",
    )
    yield (
        "progress",
        f"step {summary['step']:,} of {summary['steps']:,}"
        + (", finished" if summary["finished"] else "")
        + (f", roll-backs: {summary['rollbacks']}" if summary["rollbacks"] else ""),
    )
    yield (
        "",
        f"{summary['passes']:.1f} passes over the text, {summary['evaluations']} evaluations",
    )
    pace = f", {speed:,.0f} characters/s" if speed else ""
    yield "time", format_duration(summary["seconds"]) + pace
    at = summary["best_step"]
    yield (
        "best",
        "not measured yet" if best is None else f"{best:.3f} bits per character at step {at:,}",
    )


def format_extremes(extremes: "ExtremeLines", columns: int) -> str:
    """Describe the most and least likely lines of a text, cut to a width."""
    titles = (("most likely", extremes.likely), ("least likely", extremes.unlikely))
    rows = [
        f"lines of the validation text ({extremes.characters:,} characters of it were read), "
        "bits/character"
    ]
    for title, lines in titles:
        rows.append(title)
        rows += [f"{line.bits_per_character[0]:7.3f}  {one_line(line.text)}" for line in lines]
    return "\n".join(cut(row, columns) for row in rows)


def format_speeds(speeds: "Sequence[Speeds]") -> str:
    """Describe what was measured in a table, one network a line."""
    head = ("network", "batch", "training", "of peak", "start", "writing", "JAX", "64 texts")
    rows = [
        (
            speed.network,
            f"{speed.batch_size}x{speed.sequence_length}",
            f"{speed.training:,.0f}",
            f"{speed.share_of_ceiling:.0%}",
            f"{speed.seconds_to_start:.1f} s",
            f"{speed.numpy:,.0f}",
            f"{speed.jax:,.0f}",
            f"{speed.jax_many:,.0f}",
        )
        for speed in speeds
    ]
    note = (
        "Characters per second. Of peak: what training's products reach of this machine's fastest "
        "product.\nStart: until the first step was made. Writing: one text with NumPy, one with "
        "JAX, 64 together."
    )
    return f"{format_table([head, *rows])}\n\n{note}"


def format_summaries(summaries: Sequence[dict[str, Any]]) -> str:
    """Describe runs in a table, one a line."""
    rows: list[tuple[str, ...]] = [("run", "network", "characters", "step", "of", "bits/char", "")]
    for summary in summaries:
        name = one_line(summary["name"])
        if "problem" in summary:
            rows.append((name, "-", "-", "-", "-", "-", one_line(summary["problem"])))
            continue
        model = summary["model"]
        rows.append(
            (
                name,
                f"{model['num_layers']}x{model['hidden_size']}",
                f"{summary['corpus']['characters']:,}",
                f"{summary['step']:,}",
                f"{summary['steps']:,}",
                format_bits(summary["best_bits_per_character"]),
                "finished" if summary["finished"] else "",
            )
        )
    return format_table(rows)
