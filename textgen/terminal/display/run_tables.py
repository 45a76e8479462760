"""Runs as tables."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from textgen.data.labels import LabelField, listed_counts
from textgen.network.cells import CELLS
from textgen.readable import cut, one_line, visible
from textgen.terminal.display.render import (
    format_batch,
    format_bits,
    format_bytes,
    format_count,
    format_duration,
    format_labelled,
    format_notes,
    format_table,
)

if TYPE_CHECKING:
    from textgen.workflows.bench import Speeds  # an import of JAX
    from textgen.workflows.extreme_lines import ExtremeLines

# Number of characters of the alphabet that are listed.
ALPHABET_SHOWN = 100
# The parts of a network's settings that `format_network` describes.
NETWORK = ("cell", "num_layers", "hidden_size", "direction")
# Number of values of a label that are listed.
LABELS_SHOWN = 30


def format_summary(summary: dict[str, Any], columns: int | None = None) -> str:
    """Describe a run on several lines.

    Args:
        summary: summary of the run from `textgen.runs.summary`.
        columns: width of the terminal in columns; None if there is no limit.
    """
    rows = [
        ("run", summary["path"]),
        ("created", summary["created"]),
        *_ancestry_rows(summary),
        *_corpus_rows(summary["corpus"]),
        *_label_rows(summary["labels"]),
        *_network_rows(summary),
        *_plan_rows(summary),
        ("saved", _checkpoints(summary["checkpoints"])),
        ("disk", format_bytes(summary["bytes_on_disk"])),
        ("made with", ", ".join(f"{k} {v}" for k, v in summary["versions"].items())),
    ]
    # Each row is one line, whatever the text holds; spaces that align columns stay.
    safe = [(label, " ".join(visible(text).splitlines())) for label, text in rows]
    return format_labelled(safe, columns)


def format_network(cell: str, num_layers: int, hidden_size: int, direction: str) -> str:
    """Describe the size of a network, such as `LSTM 2x96 (2 layers of 96 units)`."""
    layers = f"{format_count(num_layers, 'layer')} of {format_count(hidden_size, 'unit')}"
    each = " in each of two directions" if direction == "both" else ""
    return f"{CELLS[cell].title} {num_layers}x{hidden_size} ({layers}{each})"


def _checkpoints(steps: Sequence[int]) -> str:
    if not steps:
        return "no checkpoint yet"
    plural = "s" if len(steps) > 1 else ""
    return f"checkpoint{plural} at step{plural} {', '.join(map(str, steps))}"


def _corpus_rows(corpus: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "text", ", ".join(corpus["origin"])
    parts = f"{corpus['training_characters']:,} of them for training"
    yield "", f"{corpus['characters']:,} characters, {parts}"
    if corpus["documents"]:
        unit = corpus["rules"]["documents"]
        yield "", f"{format_count(corpus['documents'], 'document')}, each a {unit}"
    if corpus["passed_over"]:
        read = format_count(corpus["files"], "file")
        yield "", f"{read} read, {len(corpus['passed_over']):,} passed over (--json lists them)"
    yield "", f"SHA-256 {corpus['sha256']}"
    size = format_count(corpus["distinct_characters"], "character")
    yield "", f"alphabet of {size}: {list_characters(corpus['alphabet'])}"


def list_characters(alphabet: str) -> str:
    """List the first characters of an alphabet."""
    # White space is named, since it would be lost at the end of a line.
    names = {"\n": "\\n", "\t": "\\t", " ": "space"}
    shown = [names.get(character, character) for character in alphabet[:ALPHABET_SHOWN]]
    more = " ..." if len(alphabet) > ALPHABET_SHOWN else ""
    return " ".join(shown) + more


def _label_rows(labels: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for number, field in enumerate(map(LabelField.from_json, labels)):
        counts = listed_counts(field, LABELS_SHOWN)
        yield "" if number else "labels", f"{field.name}: {counts}"


def _ancestry_rows(summary: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for number, one in enumerate(reversed(summary["ancestry"])):
        label, when = "and that", ""
        if not number:
            bits = f"{one['first_bits_per_character']:.3f} bits per character"
            label, when = "from", f"; its loss on this text before training: {bits}"
        yield label, f"{one['name']}, step {one['step']:,}{when}"
        if learnt := one.get("learnt_characters"):
            yield "", f"after learning {format_count(learnt, 'character')} in a session"
        yield "", f"SHA-256 {one['sha256']}, trained on {', '.join(one['origin'])}"
    if new := summary["new_characters"]:
        yield "", f"new: {format_count(len(new), 'character')}: {list_characters(new)}"


def _network_rows(summary: dict[str, Any]) -> Iterator[tuple[str, str]]:
    model, memory = summary["model"], summary["memory"]
    yield (
        "network",
        f"{format_network(*(model[name] for name in NETWORK))}, "
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
        f"parameters {format_bytes(memory['weights'])}, state {format_bytes(memory['state'])} "
        f"per text, training {format_bytes(memory['training'])} and the batch",
    )


def _plan_rows(summary: dict[str, Any]) -> Iterator[tuple[str, str]]:
    plan, best, speed = (
        summary[name] for name in ("plan", "best_bits_per_character", "characters_per_second")
    )
    yield (
        "plan",
        f"{format_count(summary['steps'], 'step')}, "
        f"{format_batch(plan['batch_size'], plan['sequence_length'])}",
    )
    yield (
        "",
        f"{'Muon' if plan.get('optimizer') == 'muon' else 'AdamW'}, "
        f"peak learning rate {plan['learning_rate']:g}, "
        f"{format_count(plan['devices'], 'device')}, seed {plan['seed']}",
    )
    yield (
        "progress",
        f"step {summary['step']:,} of {summary['steps']:,}"
        + (", finished" if summary["finished"] else "")
        + (" early" if summary["finished"] and summary["step"] < summary["steps"] else "")
        + (f", roll-backs: {summary['rollbacks']}" if summary["rollbacks"] else ""),
    )
    evaluations = format_count(summary["evaluations"], "evaluation")
    yield "", f"{summary['passes']:.1f} epochs, {evaluations}"
    pace = f", {speed:,.0f} characters/s" if speed else ""
    yield "time", format_duration(summary["seconds"]) + pace
    at = summary["best_step"]
    yield (
        "best",
        "not measured yet"
        if best is None
        else f"validation loss {best:.3f} bits per character, at step {at:,}",
    )


def format_extremes(extremes: "ExtremeLines", columns: int | None) -> str:
    """Describe the most and least likely lines of a text.

    Args:
        extremes: the lines.
        columns: width of the terminal in columns, to which each line is cut; None for whole lines.
    """
    titles = (("most likely", extremes.likely), ("least likely", extremes.unlikely))
    note = (
        f"bits per character of lines in the first {extremes.characters:,} characters of the "
        "validation text"
    )
    if extremes.is_quick:
        note += "; --lines reads more, which takes longer"
    rows = []
    for title, lines in titles:
        rows.append(title)
        rows += [f"{line.bits_per_character[0]:7.3f}  {one_line(line.text)}" for line in lines]
    shown = rows if columns is None else [cut(row, columns) for row in rows]
    return "\n".join([format_notes([note], columns), *shown])


def format_speeds(speeds: "Sequence[Speeds]", columns: int | None = None) -> str:
    """Describe speeds in a table with one line for each network.

    Args:
        speeds: speeds of at least one network.
        columns: width of the terminal in columns; None if there is no limit.
    """
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
    notes = (
        ("network", "layers x units in each layer"),
        ("batch", "sequences x characters in each sequence"),
        ("training", "speed of training, in characters/s"),
        ("of peak", "speed of matrix products in training, relative to the fastest measured"),
        ("start", "time that compiling, the first step and the first evaluation took"),
        ("writing", "speed of writing one text with NumPy, in characters/s"),
        ("JAX", "speed of writing one text with JAX, in characters/s"),
        ("64 texts", "total speed of writing 64 texts at once with JAX, in characters/s"),
    )
    return f"{format_table([head, *rows], columns)}\n\n{format_labelled(notes, columns)}"


def _remarks(summary: dict[str, Any]) -> str:
    """Return what there is to say of a run besides its numbers."""
    remarks = {
        "both directions": summary["model"]["direction"] == "both",
        "finished": summary["finished"],
        "for a measurement": summary["measurement"],
    }
    told = [remark for remark, is_so in remarks.items() if is_so]
    return ", ".join(
        [*told, *(f"from {one_line(one['name'])}" for one in summary["ancestry"][-1:])]
    )


def format_summaries(summaries: Sequence[dict[str, Any]], columns: int | None = None) -> str:
    """Describe runs in a table with one line for each.

    Args:
        summaries: summaries of at least one run.
        columns: width of the terminal in columns; None if there is no limit.
    """
    rows: list[tuple[str, ...]] = [
        ("run", "network", "characters", "step", "planned", "bits/char", "")
    ]
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
                _remarks(summary),
            )
        )
    return format_table(rows, columns)
