"""A trained LSTM as an ONNX graph, with the weights that textgen holds."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# textgen's gates are i, f, g, o; ONNX has them as i, o, f, c, where c is g.
ORDER = (0, 3, 1, 2)
OPSET, IR = 17, 8


def _kernel(kernel: np.ndarray) -> np.ndarray:
    """Turn a kernel [I, 4H] into ONNX's [1, 4H, I]."""
    parts = np.split(kernel, 4, axis=1)
    return np.concatenate([parts[gate].T for gate in ORDER])[None]


def _bias(bias: np.ndarray) -> np.ndarray:
    parts = np.split(bias, 4)
    first = np.concatenate([parts[gate] for gate in ORDER])
    return np.concatenate([first, np.zeros_like(first)])[None]


def make_graph(parameters: Mapping[str, np.ndarray], num_layers: int) -> Any:
    """Return a model that takes tokens and states, and returns logits and states.

    Args:
        parameters: arrays by textgen's names; the projection reads the last layer.
        num_layers: number of layers.
    """
    hidden = parameters["layers.0.recurrent_kernel"].shape[0]
    constants = {"embedding": parameters["embedding"]}
    nodes = [helper.make_node("Gather", ["embedding", "tokens"], ["inputs0"])]
    inputs = [helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, "batch"])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, "batch", None])]
    for n in range(num_layers):
        names = {part: f"{part}{n}" for part in ("W", "R", "B")}
        constants[names["W"]] = _kernel(parameters[f"layers.{n}.input_kernel"])
        constants[names["R"]] = _kernel(parameters[f"layers.{n}.recurrent_kernel"])
        constants[names["B"]] = _bias(parameters[f"layers.{n}.bias"])
        for state in ("h", "c"):
            shape = [1, "batch", hidden]
            inputs.append(helper.make_tensor_value_info(f"{state}{n}", TensorProto.FLOAT, shape))
            outputs.append(
                helper.make_tensor_value_info(f"{state}{n}_after", TensorProto.FLOAT, shape)
            )
        taken = [f"inputs{n}", *names.values(), "", f"h{n}", f"c{n}"]
        given = [f"directions{n}", f"h{n}_after", f"c{n}_after"]
        nodes.append(helper.make_node("LSTM", taken, given, hidden_size=hidden))
        # [T, 1, B, H] without the axis of directions.
        nodes.append(
            helper.make_node("Squeeze", [f"directions{n}", "directions"], [f"inputs{n + 1}"])
        )
    constants["directions"] = np.array([1], np.int64)
    constants["projection"] = parameters["projection.kernel"]
    constants["projection_bias"] = parameters["projection.bias"]
    nodes += [
        helper.make_node("MatMul", [f"inputs{num_layers}", "projection"], ["products"]),
        helper.make_node("Add", ["products", "projection_bias"], ["logits"]),
    ]
    stored = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "writer", inputs, outputs, stored)
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=IR)
    onnx.checker.check_model(model)
    return model
