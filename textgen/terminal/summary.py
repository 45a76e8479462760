"""Runs as tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textgen.network.cells import CELLS
from textgen.terminal.render import format_bits, format_duration, format_table, one_line

if TYPE_CHECKING:
    from textgen.workflows.measuring import Speeds  # which imports JAX


def format_summary(summary: dict[str, Any]) -> str:
    """Describe a run on several lines, from what `textgen.runs.summary` says of it."""
    corpus, model, plan = summary["corpus"], summary["model"], summary["plan"]
    best = summary["best_bits_per_character"]
    speed = summary["characters_per_second"]
    rows = [
        ("run", summary["path"]),
        ("created", summary["created"]),
        ("text", ", ".join(corpus["origin"])),
        ("", f"{corpus['characters']:,} characters, {corpus['distinct_characters']} different"),
        ("", f"SHA-256 {corpus['sha256']}"),
        (
            "network",
            f"{CELLS[model['cell']].title} {model['num_layers']}x{model['hidden_size']}, "
            f"embedding {model['embedding_size']}, {model['parameters']:,} parameters, "
            f"dropout {model['dropout_rate']:g}",
        ),
        (
            "plan",
            f"batches of {plan['batch_size']} x {plan['sequence_length']} characters, "
            f"learning rate {plan['learning_rate']:g}, seed {plan['seed']}, "
            f"{plan['devices']} {'device' if plan['devices'] == 1 else 'devices'}",
        ),
        (
            "progress",
            f"step {summary['step']:,} of {summary['steps']:,}"
            + (", finished" if summary["finished"] else "")
            + (f", roll-backs: {summary['rollbacks']}" if summary["rollbacks"] else ""),
        ),
        (
            "time",
            format_duration(summary["seconds"]) + (f", {speed:,.0f} chars/s" if speed else ""),
        ),
        (
            "best",
            "not measured yet"
            if best is None
            else f"{best:.3f} bits per character at step {summary['best_step']:,}",
        ),
        ("saved", ", ".join(map(str, summary["checkpoints"])) or "no checkpoint yet"),
        ("made with", ", ".join(f"{k} {v}" for k, v in summary["versions"].items())),
    ]
    return "\n".join(f"{label:<10}{one_line(text)}" for label, text in rows)


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
