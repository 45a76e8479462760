r"""Measure what each idea of the training recipe is worth, by training with and without it.

    python benchmarks/ablation.py --corpus FILE --steps 1664 --seeds 0 1 2 --rows base Muon
    python benchmarks/ablation.py --corpus FILE --steps 2480 \
        --base hidden=192,rate=0.006928,outputs=0.06 --seeds 0 1 2 \
        --rows base optimizer=muon,inner_decay=0.225,rate=0.0149
    python benchmarks/ablation.py --corpus FILE --passes 24 --training 650000 850000 \
        --validation 903000 1003000 --base outputs=0.41 --rows base resets=0.1,weights=0.15
    python benchmarks/ablation.py --corpus FILE --teachers RUN RUN --steps 3704 \
        --base optimizer=muon,inner_decay=0.225,rate=0.0105 --rows base taught=0.5,outputs=0.1

The base is textgen's recipe with AdamW for a text of a million characters in the time of 1,664
steps, 110 seconds on two cores. Every other row changes something. An idea pays for the time it
costs: its step is timed in alternation with the base's, and a row makes as many steps as fit into
the base's time, whatever the speed of the machine. With `--passes` a row makes the steps that read
the text for that many epochs. Losses are those of the last 10 % of the text, or of the characters
given, in windows of 256 characters and as one stream, in nats per character; with `--dynamic` by
dynamic evaluation too, which takes minutes for a wide network. Averages of the weights and a
softmax at a higher temperature need no training of their own and are measured on every row. A row
that is taught learns from what other runs predict, whose own training is not counted. Ideas that do
not pay are implemented only here.
"""

import argparse
import hashlib
import os
import platform
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, PartitionSpec
from numpy.typing import NDArray
from teachers import read_lessons

from textgen.data.prepare import prepare_text
from textgen.data.source_rules import SourceRules
from textgen.data.streams import Streams
from textgen.data.text_rules import TextRules
from textgen.data.tokens import Tokens, open_tokens
from textgen.evaluation.protocols import DynamicEvaluator, Evaluator
from textgen.network.cells import CELLS
from textgen.network.inference import States
from textgen.network.model import Parameters, create_model, random_key, zero_states
from textgen.network.parameters import INNER_KERNELS
from textgen.network.products import look_up, product
from textgen.network.recurrence import run_cell
from textgen.runtime.devices import DATA, make_mesh, replicated, shared
from textgen.settings import ModelSettings
from textgen.training.loss import cross_entropy, reset_states
from textgen.training.muon import COEFFICIENTS, DECAY, SIZE, WEIGHT_DECAY, scale_by_muon

STEPS_AT_ONCE = 8
PAIRS = 11
AVERAGES = (0.99, 0.998)
TEMPERATURE = 1.05
# Coefficients of five Newton-Schulz iterations, the last of which textgen makes.
ITERATIONS = ((4.0848, -6.8946, 2.9270), (3.9505, -6.3029, 2.6377), *COEFFICIENTS)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of one training; dropout rates are in [0, 1).

    Attributes:
        layers: number of LSTM layers.
        hidden: units of each layer, and the width of the embedding.
        batch: number of sequences.
        length: characters of a sequence.
        rate: peak learning rate.
        optimizer: adamw, or muon for the kernels inside the layers and adamw for the rest.
        b1: AdamW's decay of the first moment.
        b2: AdamW's decay of the second moment.
        decay: Muon's decay of the mean of the gradients.
        size: root mean square of Muon's updates at a learning rate of 1.
        inner_decay: weight decay of the kernels inside the layers.
        iterations: number of Muon's Newton-Schulz iterations.
        by_gate: whether Muon treats the columns of each gate as a matrix of their own.
        schedule: cosine or linear to zero, or flat with the last fifth going down to zero.
        outputs: dropout on the outputs of layers, one mask for all time steps.
        inputs: dropout on the embedding, one mask for a whole batch.
        weights: share of each recurrent kernel's numbers dropped for a batch (weight drop).
        recurrent: dropout on the hidden state inside the recurrence, one mask for a whole batch.
        unknown: share of the characters that are read as the unknown character.
        every_layer: whether the softmax reads all layers.
        resets: probability that a sequence starts from the zero state.
        offsets: whether each epoch cuts the text into windows at other positions.
        taught: share of the teachers' probabilities in each target; the rest is the character that
            follows.
    """

    layers: int = 2
    hidden: int = 256
    batch: int = 32
    length: int = 64
    rate: float = 0.006
    optimizer: str = "adamw"
    b1: float = 0.9
    b2: float = 0.99
    decay: float = DECAY
    size: float = SIZE
    inner_decay: float = 0.01
    iterations: int = len(COEFFICIENTS)
    by_gate: bool = False
    schedule: str = "cosine"
    outputs: float = 0.05
    inputs: float = 0.0
    weights: float = 0.0
    recurrent: float = 0.0
    unknown: float = 0.0
    every_layer: bool = True
    resets: float = 0.02
    offsets: bool = True
    taught: float = 0.0


ROWS: Mapping[str, dict[str, Any]] = {
    "base": {},
    "the softmax reads the last layer alone": {"every_layer": False},
    "no resets but at the end of the text": {"resets": 0.0},
    "resets, 0.1": {"resets": 0.1},
    "resets, 0.3": {"resets": 0.3},
    "every sequence from the zero state": {"resets": 1.0},
    "no dropout": {"outputs": 0.0},
    "dropout 0.15": {"outputs": 0.15},
    "dropout on the inputs too, 0.05": {"inputs": 0.05},
    "weight drop, 0.1": {"weights": 0.1},
    "recurrent dropout, 0.05": {"recurrent": 0.05},
    "characters read as unknown, 0.03": {"unknown": 0.03},
    "b1 0, rate 0.004": {"b1": 0.0, "rate": 0.004},
    "rate 0.003": {"rate": 0.003},
    "rate 0.01": {"rate": 0.01},
    "linear schedule": {"schedule": "linear"},
    "flat schedule": {"schedule": "flat"},
    "batch 16 x 64": {"batch": 16},
    "batch 64 x 64, rate 0.008": {"batch": 64, "rate": 0.008},
    "batch 16 x 128": {"batch": 16, "length": 128},
    "batch 64 x 32": {"batch": 64, "length": 32},
    "weight decay inside the layers": {"inner_decay": WEIGHT_DECAY},
    "Muon": {"optimizer": "muon", "inner_decay": WEIGHT_DECAY, "rate": 0.012},
    "Muon, rate 0.006": {"optimizer": "muon", "inner_decay": WEIGHT_DECAY},
    "Muon, little weight decay": {"optimizer": "muon"},
    "Muon, updates of 0.35": {"optimizer": "muon", "size": 0.35},
    "Muon, updates of 0.65": {"optimizer": "muon", "size": 0.65},
    "Muon, rate and updates higher": {"optimizer": "muon", "rate": 0.0087, "size": 0.35},
    "Muon, decay 0.8": {"optimizer": "muon", "decay": 0.8},
    "Muon, decay 0.95": {"optimizer": "muon", "decay": 0.95},
    "Muon, two iterations": {"optimizer": "muon", "iterations": 2},
    "Muon, five iterations": {"optimizer": "muon", "iterations": 5},
    "Muon, gate by gate": {"optimizer": "muon", "by_gate": True},
    "Muon, batch 64 x 64": {"optimizer": "muon", "batch": 64},
    "windows at the same places in every round": {"offsets": False},
    "half of each target from the teachers": {"taught": 0.5},
    "half of each target from the teachers, dropout 0.1": {"taught": 0.5, "outputs": 0.1},
    "1x256": {"layers": 1, "outputs": 0.1},
    "1x384": {"layers": 1, "hidden": 384, "outputs": 0.1},
    "2x192": {"hidden": 192},
    "2x384": {"hidden": 384, "outputs": 0.0},
}


class State(NamedTuple):
    """Everything that a training step changes."""

    parameters: Parameters
    moments: Any
    recurrent: States
    averages: tuple[Parameters, ...]


def mask(key: jax.Array, rate: float, shape: tuple[int, ...]) -> jax.Array:
    """Return a dropout mask, scaled so that it keeps the mean of an array."""
    return jax.random.bernoulli(key, 1 - rate, shape) / jnp.float32(1 - rate)


class Network:
    """The network of `textgen.network.model` with more kinds of dropout."""

    def __init__(self, recipe: Recipe, vocab_size: int) -> None:
        self.recipe = recipe
        self.settings = ModelSettings(
            vocab_size=vocab_size,
            embedding_size=recipe.hidden,
            hidden_size=recipe.hidden,
            num_layers=recipe.layers,
            dropout_rate=0.0,
            projected="all" if recipe.every_layer else "last",
        )

    def apply(
        self,
        parameters: Parameters,
        tokens: jax.Array,
        states: States,
        keys: tuple[jax.Array, jax.Array] | None = None,
        labels: None = None,
    ) -> tuple[jax.Array, States]:
        """Compute logits [T, B, V]; dropout needs a key of the batch and a key of these rows."""
        tokens = tokens.T
        drop = self._drop_nothing if keys is None else partial(self._drop, *keys)
        tokens = drop("tokens", tokens)
        outputs, after, read = drop("inputs", parameters["embedding"]), [], []
        for layer, state in enumerate(states):
            kernel = parameters[f"layers.{layer}.input_kernel"]
            if layer == 0:
                projections = look_up(product(outputs, kernel), tokens)
            else:
                projections = product(outputs, kernel)
            bias = parameters[f"layers.{layer}.bias"]
            recurrent = drop("kernel", parameters[f"layers.{layer}.recurrent_kernel"], layer)
            outputs, last = run_cell(CELLS["lstm"], projections, bias, recurrent, state)
            outputs = drop("outputs", outputs, layer)
            after.append(last)
            read.append(outputs)
        read = read if self.recipe.every_layer else read[-1:]
        kernels = jnp.split(parameters["projection.kernel"], len(read))
        logits = sum(one @ kernel for one, kernel in zip(read, kernels, strict=True))
        return logits + parameters["projection.bias"], tuple(after)

    @staticmethod
    def _drop_nothing(part: str, array: jax.Array, layer: int = 0) -> jax.Array:
        return array

    def _drop(
        self, batch_key: jax.Array, row_key: jax.Array, part: str, array: jax.Array, layer: int = 0
    ) -> jax.Array:
        """Apply the recipe's dropout to one part of the network."""
        recipe = self.recipe
        of_batch = jax.random.split(jax.random.fold_in(batch_key, layer), 3)
        of_rows = jax.random.split(jax.random.fold_in(row_key, layer), 2)
        if part == "tokens" and recipe.unknown:
            lost = jax.random.bernoulli(of_rows[0], recipe.unknown, array.shape)
            array = jnp.where(lost, 0, array)
        if part == "inputs" and recipe.inputs:
            array *= mask(of_batch[0], recipe.inputs, array.shape[1:])
        if part == "kernel" and recipe.weights:
            array *= mask(of_batch[1], recipe.weights, array.shape)
        if part == "kernel" and recipe.recurrent:
            array *= mask(of_batch[2], recipe.recurrent, (len(array), 1))
        if part == "outputs" and recipe.outputs:
            array *= mask(of_rows[1], recipe.outputs, array.shape[1:])
        return array


def make_optimizer(recipe: Recipe, mesh: Mesh) -> optax.GradientTransformation:
    """Return the optimizer at a learning rate of 1, without weight decay."""
    adam = optax.scale_by_adam(b1=recipe.b1, b2=recipe.b2)
    if recipe.optimizer == "adamw":
        return adam
    muon = scale_by_muon(
        mesh,
        decay=recipe.decay,
        size=recipe.size,
        coefficients=ITERATIONS[-recipe.iterations :],
    )

    def split(tree: Parameters) -> tuple[Any, Parameters]:
        """Return the matrices that Muon changes, and the other parameters."""
        gates = 4 if recipe.by_gate else 1
        inner = {
            name: jnp.split(leaf, gates, axis=1)
            for name, leaf in tree.items()
            if name.endswith(INNER_KERNELS)
        }
        return inner, {name: leaf for name, leaf in tree.items() if name not in inner}

    def init(tree: Parameters) -> Any:
        inner, rest = split(tree)
        return muon.init(inner), adam.init(rest)

    def update(tree: Parameters, state: Any, _: Any = None) -> Any:
        inner, rest = split(tree)
        matrices, mean = muon.update(inner, state[0])
        updates, moments = adam.update(rest, state[1])
        for name, parts in matrices.items():
            updates[name] = jnp.concatenate(parts, axis=1)
        return updates, (mean, moments)

    return optax.GradientTransformation(init, update)


def rate_at(recipe: Recipe, step: int, steps: int) -> float:
    """Return the learning rate of a step, counted from 0."""
    warmup = min(100, steps // 10)
    if step < warmup:
        return recipe.rate * (step + 1) / warmup
    place = (step - warmup) / (steps - warmup)
    shapes = {
        "cosine": 0.5 * (1 + np.cos(np.pi * place)),
        "linear": 1 - place,
        "flat": min(1.0, (1 - place) / 0.2),
    }
    return float(recipe.rate * shapes[recipe.schedule])


class Experiment:
    """One training of a recipe."""

    def __init__(
        self,
        recipe: Recipe,
        training: Tokens,
        vocab_size: int,
        seed: int,
        devices: int | None,
        lessons: NDArray[np.float16] | None,
    ) -> None:
        self.recipe, self.seed = recipe, seed
        self._lessons = lessons if recipe.taught else None
        self.network = Network(recipe, vocab_size)
        self.mesh = make_mesh(devices, recipe.batch)
        self._optimizer = make_optimizer(recipe, self.mesh)
        shape = recipe.batch, recipe.length, seed, recipe.resets
        # The same windows of the text, and of the places in it.
        self._streams = Streams(training, *shape)
        self._places = Streams(np.arange(len(training)), *shape)
        if not recipe.offsets:
            for streams in (self._streams, self._places):
                streams._offsets = np.zeros_like  # type: ignore[method-assign, assignment]
        self._steps = jax.jit(self._make_steps, donate_argnums=0)

    def fresh(self) -> State:
        """Return the state before any training."""
        _, parameters = create_model(self.network.settings, self.seed)
        averages = tuple(jax.tree.map(jnp.array, parameters) for _ in AVERAGES)
        everywhere, split = replicated(self.mesh), shared(self.mesh)
        # Arrays of their own, since a step takes the memory of each.
        states = jax.tree.map(jnp.array, zero_states(self.network.settings, self.recipe.batch))
        return State(
            jax.device_put(parameters, everywhere),
            jax.device_put(self._optimizer.init(parameters), everywhere),
            jax.device_put(states, split),
            jax.device_put(averages, everywhere),
        )

    def advance(self, state: State, first: int, steps: int) -> State:
        """Make eight steps of a plan, of which `first` is the first from 0, and wait for them."""
        numbers = np.arange(first, first + STEPS_AT_ONCE, dtype=np.int32)
        batches = [self._streams.batch(int(number))[:3] for number in numbers]
        inputs, targets, resets = (np.stack(column) for column in zip(*batches, strict=True))
        taught = None
        if self._lessons is not None:
            taught = np.stack([self._lessons[self._places.batch(int(n)).inputs] for n in numbers])
        rates = [rate_at(self.recipe, int(number), steps) for number in numbers]
        columns = inputs, (targets, taught), resets, numbers, np.array(rates, np.float32)
        state = self._steps(state, *columns)
        return jax.block_until_ready(state)

    def _make_steps(self, state: State, *batches: Any) -> State:
        def body(place: jax.Array, state: State) -> State:
            return self._step(state, *jax.tree.map(lambda array: array[place], batches))

        return jax.lax.fori_loop(0, STEPS_AT_ONCE, body, state)

    def _step(
        self,
        state: State,
        inputs: jax.Array,
        targets: Any,
        resets: jax.Array,
        number: jax.Array,
        rate: jax.Array,
    ) -> State:
        key = jax.random.fold_in(random_key(self.seed), number)
        recurrent = reset_states(state.recurrent, resets)
        recurrent, gradients = self._gradient(state.parameters, recurrent, inputs, targets, key)
        clip = jnp.minimum(1.0, 1.0 / optax.tree.norm(gradients))
        gradients = jax.tree.map(lambda leaf: leaf * clip, gradients)
        updates, moments = self._optimizer.update(gradients, state.moments, state.parameters)
        parameters = {
            name: leaf - rate * (updates[name] + self._decay(name) * leaf)
            for name, leaf in state.parameters.items()
        }
        early = (1 + number) / (10 + number)
        averages = tuple(
            optax.incremental_update(parameters, average, 1 - jnp.minimum(decay, early))
            for decay, average in zip(AVERAGES, state.averages, strict=True)
        )
        return State(parameters, moments, recurrent, averages)

    def _decay(self, name: str) -> float:
        """Return the weight decay of a parameter; biases have none."""
        if name.endswith("bias"):
            return 0.0
        return self.recipe.inner_decay if name.endswith(INNER_KERNELS) else 0.01

    def _gradient(
        self, parameters: Parameters, states: States, inputs: Any, targets: Any, key: jax.Array
    ) -> tuple[States, Parameters]:
        size = self.recipe.batch * self.recipe.length

        def loss(parameters: Parameters, states: States, inputs: Any, targets: Any) -> Any:
            rows = jax.random.fold_in(key, 1 + jax.lax.axis_index(DATA))
            keys = jax.random.fold_in(key, 0), rows
            logits, states = self.network.apply(parameters, inputs, states, keys)
            following, taught = targets
            nats = cross_entropy(logits, following.T)
            if taught is not None:
                share = self.recipe.taught
                teaching = taught.transpose(1, 0, 2).astype(jnp.float32)
                surprises = jax.nn.logsumexp(logits, -1, keepdims=True) - logits
                nats = (1 - share) * nats + share * jnp.sum(teaching * surprises, -1)
            return jnp.sum(nats) / size, states

        everywhere, split = PartitionSpec(), PartitionSpec(DATA)

        @partial(
            jax.shard_map,
            mesh=self.mesh,
            in_specs=(everywhere, split, split, split),
            out_specs=(split, everywhere),
            check_vma=False,
        )
        def gradient(*arguments: Any) -> tuple[States, Parameters]:
            gradients, states = jax.grad(loss, has_aux=True)(*arguments)
            return states, jax.lax.psum(gradients, DATA)

        return gradient(parameters, states, inputs, targets)

    def train(self, calls: int) -> tuple[State, int, float]:
        """Make eight steps in each call; return the state, the number of steps and the seconds."""
        state, begun = self.fresh(), time.perf_counter()
        for call in range(calls):
            state = self.advance(state, call * STEPS_AT_ONCE, calls * STEPS_AT_ONCE)
        return state, calls * STEPS_AT_ONCE, time.perf_counter() - begun


def relative_cost(experiment: Experiment, base: Experiment) -> float:
    """Return the time of a step relative to the base's: the median of alternating pairs."""
    pair = experiment, base
    states = [one.advance(one.fresh(), 0, 10**6) for one in pair]
    seconds, ratios = [0.0, 0.0], []
    for number in range(PAIRS):
        for place in (0, 1) if number % 2 else (1, 0):
            begun = time.perf_counter()
            states[place] = pair[place].advance(states[place], 0, 10**6)
            seconds[place] = time.perf_counter() - begun
        ratios.append(seconds[0] / seconds[1])
    return float(np.median(ratios))


def measure_dynamic(
    experiment: Experiment, state: State, training: Tokens, validation: Tokens
) -> float:
    """Return the loss of dynamic evaluation."""
    network = experiment.network
    evaluator = DynamicEvaluator(network.apply, network.settings)
    return float(
        np.concatenate([*evaluator.measure(state.parameters, training, validation)]).mean()
    )


def measure(experiment: Experiment, state: State, validation: Tokens) -> list[float]:
    """Return window and stream loss, then the window losses of averages and warmer softmax."""
    evaluator = Evaluator(experiment.network.apply, experiment.network.settings, experiment.mesh)
    warmer = {
        name: leaf / TEMPERATURE if name.startswith("projection") else leaf
        for name, leaf in state.parameters.items()
    }
    return [
        evaluator.window(state.parameters, validation),
        evaluator.stream(state.parameters, validation, streams=64),
        *(evaluator.window(average, validation) for average in state.averages),
        evaluator.window(warmer, validation),
    ]


def parse_changes(text: str) -> dict[str, Any]:
    """Parse NAME=VALUE,... as changes to a recipe."""
    types = {field.name: type(field.default) for field in fields(Recipe)}
    changes = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        if name not in types or types[name] is bool:
            raise argparse.ArgumentTypeError(f"{part!r} is neither a row nor a NAME=VALUE")
        changes[name] = types[name](value)
    return changes


def parse_row(text: str) -> tuple[str, dict[str, Any]]:
    """Return a row's name and its changes to the base."""
    return text, ROWS[text] if text in ROWS else parse_changes(text)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True, help="a text file")
    parser.add_argument("--steps", type=int, default=1664, help="steps of the base; default 1664")
    parser.add_argument("--passes", type=float, help="epochs of each row")
    for part in ("training", "validation"):
        parser.add_argument(
            f"--{part}", type=int, nargs=2, metavar=("FROM", "TO"), help="range of characters"
        )
    parser.add_argument(
        "--base", type=parse_changes, default={}, metavar="NAME=VALUE,...", help="change the base"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument(
        "--teachers", type=Path, nargs="+", metavar="RUN", help="runs trained on the same text"
    )
    parser.add_argument("--devices", type=int, help="number of cores; all by default")
    parser.add_argument("--dynamic", action="store_true", help="measure dynamic evaluation too")
    parser.add_argument(
        "--rows",
        type=parse_row,
        nargs="+",
        help="names of rows, or changes NAME=VALUE,...; all rows by default, those that are taught "
        "with --teachers",
    )
    arguments = parser.parse_args()
    if arguments.rows is None:
        every = ROWS.items()
        arguments.rows = [row for row in every if arguments.teachers or "taught" not in row[1]]
    is_taught = any(changes.get("taught") for _, changes in arguments.rows)
    if (is_taught or arguments.base.get("taught")) and not arguments.teachers:
        parser.error("a row is taught; name its teachers with --teachers")
    return arguments


def main() -> None:
    """Print a row for each idea and seed as soon as it is measured."""
    arguments = parse_arguments()
    # The last tenth is held out, so that ranges of the text are those of the file.
    rules = TextRules(source=SourceRules(normalization="none"), fits_text=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokens"
        text = prepare_text([arguments.corpus], rules, path)
        vocabulary, split = text.vocabulary, text.training_ids
        characters = text.training_ids + text.validation_ids
        tokens = open_tokens(path, characters, len(vocabulary), text.tokens_sha256)
    training = slice(*arguments.training or (0, split))
    validation = slice(*arguments.validation or (split, characters))
    versions = " ".join(f"{name} {version(name)}" for name in ("jax", "flax", "optax", "numpy"))
    print(f"date     {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    print(f"machine  {os.cpu_count()} cores, Python {platform.python_version()}, {versions}")
    print(f"text     SHA-256 {hashlib.sha256(arguments.corpus.read_bytes()).hexdigest()}\n")
    averages = " | ".join(f"average {decay:g}" for decay in AVERAGES)
    print(
        f"| row | seed | time of a step | steps | seconds | window | stream | {averages} "
        f"| temperature {TEMPERATURE:g} |{' dynamic |' * arguments.dynamic}"
    )
    print(f"|{'---|' * (8 + len(AVERAGES) + arguments.dynamic)}", flush=True)
    base = replace(Recipe(), **arguments.base)
    recipes = {name: replace(base, **changes) for name, changes in arguments.rows}
    lessons = None
    if arguments.teachers:
        lessons = read_lessons(arguments.teachers, vocabulary, tokens[training])
    prepare = partial(
        Experiment,
        training=tokens[training],
        vocab_size=len(vocabulary),
        devices=arguments.devices,
        lessons=lessons,
    )
    for name, recipe in recipes.items():
        cost = 1.0
        if recipe != base:
            cost = relative_cost(prepare(recipe, seed=0), prepare(base, seed=0))
        if arguments.passes is None:
            steps_wanted = arguments.steps / cost
        else:
            steps_wanted = arguments.passes * len(tokens[training]) / (recipe.batch * recipe.length)
        for seed in arguments.seeds:
            experiment = prepare(recipe, seed=seed)
            state, steps, seconds = experiment.train(max(int(steps_wanted / STEPS_AT_ONCE), 1))
            losses = measure(experiment, state, tokens[validation])
            if arguments.dynamic:
                given = tokens[training], tokens[validation]
                losses.append(measure_dynamic(experiment, state, *given))
            cells = " | ".join(f"{loss:.4f}" for loss in losses)
            print(
                f"| {name} | {seed} | {cost:.2f} | {steps} | {seconds:.0f} | {cells} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
