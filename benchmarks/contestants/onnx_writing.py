"""ONNX Runtime: its LSTM writes one character in each call from Python, in float32.

Before it writes, its probabilities are compared with those of textgen's network.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx_graph import make_graph
from onnxruntime.quantization import QuantType, quantize_dynamic
from turns import VOCAB_SIZE, Shape, take_writing_turns

CHARACTERS = 20
# Characters of which the probabilities are compared, and steps with each number of threads.
COMPARED, TRIED = 50, 200


def random_parameters(shape: Shape) -> dict[str, np.ndarray]:
    """Return random weights by textgen's names."""
    source, size = np.random.default_rng(0), shape.hidden_size
    shapes = {"embedding": (VOCAB_SIZE, shape.embedding_size)}
    for n in range(shape.num_layers):
        width = size if n else shape.embedding_size
        shapes[f"layers.{n}.input_kernel"] = (width, 4 * size)
        shapes[f"layers.{n}.recurrent_kernel"] = (size, 4 * size)
        shapes[f"layers.{n}.bias"] = (4 * size,)
    shapes |= {"projection.kernel": (size, VOCAB_SIZE), "projection.bias": (VOCAB_SIZE,)}
    return {
        name: (source.normal(size=size) * 2 / size[0] ** 0.5).astype(np.float32)
        for name, size in shapes.items()
    }


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities of logits [B, V]."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


class Writer:
    """A session of ONNX Runtime, and the states of its texts."""

    def __init__(self, model: bytes, shape: Shape, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
        names = [each.name for each in self.session.get_inputs()]
        zero = np.zeros((1, shape.batch_size, shape.hidden_size), np.float32)
        self.states = dict.fromkeys(names[1:], zero)

    def step(self, tokens: np.ndarray) -> np.ndarray:
        """Read a character of each text, int64 [B]; return the logits of the next ones, [B, V]."""
        logits, *states = self.session.run(None, {"tokens": tokens[None], **self.states})
        self.states = dict(zip(self.states, states, strict=True))
        return logits[0]


def quickest(model: bytes, shape: Shape) -> Writer:
    """Return a writer with one thread or with as many as cores, whichever is faster."""
    times = {}
    for threads in (1, os.cpu_count() or 1):
        writer = Writer(model, shape, threads)
        for _ in range(TRIED):
            begun = time.perf_counter()
            writer.step(np.zeros(shape.batch_size, np.int64))
            taken = time.perf_counter() - begun
            times[threads] = min(taken, times.get(threads, taken))
    return Writer(model, shape, min(times, key=times.__getitem__))


def compare(writer: Writer, parameters: dict[str, np.ndarray], shape: Shape) -> None:
    """Raise ValueError unless the probabilities are those of the equations of an LSTM."""
    zero = np.zeros(shape.hidden_size)
    states = [(zero, zero)] * shape.num_layers
    for token in np.random.default_rng(1).integers(0, VOCAB_SIZE, COMPARED):
        value = parameters["embedding"][token].astype(float)
        for n, (h, c) in enumerate(states):
            a = value @ parameters[f"layers.{n}.input_kernel"] + parameters[f"layers.{n}.bias"]
            i, f, g, o = np.split(a + h @ parameters[f"layers.{n}.recurrent_kernel"], 4)
            i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
            c = f * c + i * np.tanh(g)
            value = o * np.tanh(c)
            states[n] = (value, c)
        logits = value @ parameters["projection.kernel"] + parameters["projection.bias"]
        found = softmax(writer.step(np.full(shape.batch_size, token)))
        worst = abs(found - softmax(logits[None])).max()
        if worst > 1e-5:
            raise ValueError(f"a probability differs by {worst}")


def build(shape: Shape, is_quantized: bool = False) -> Callable[[], int]:
    """Return a function that writes more characters of each text."""
    parameters = random_parameters(shape)
    model = make_graph(parameters, shape.num_layers)
    compare(Writer(model.SerializeToString(), shape), parameters, shape)
    writer = quickest(model.SerializeToString(), shape)
    if is_quantized:
        with tempfile.TemporaryDirectory() as folder:
            whole, small = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
            onnx.save(model, whole)
            quantize_dynamic(whole, small, weight_type=QuantType.QInt8)
            writer = quickest(small.read_bytes(), shape)
    source = np.random.default_rng(0)
    tokens = np.zeros(shape.batch_size, np.int64)

    def write() -> int:
        nonlocal tokens
        for _ in range(CHARACTERS):
            cumulative = softmax(writer.step(tokens) / np.float32(0.8)).cumsum(axis=-1)
            drawn = source.random((shape.batch_size, 1), np.float32) * cumulative[:, -1:]
            tokens = (cumulative <= drawn).sum(axis=-1)
        return CHARACTERS * shape.batch_size

    return write


if __name__ == "__main__":
    take_writing_turns(build)
