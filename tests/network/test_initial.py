import numpy as np
import pytest

from textgen.network.cells import CELLS
from textgen.network.initial import draw_parameters
from textgen.network.parameters import parameter_shapes
from textgen.settings import CellName, Direction, ModelSettings

H = 96


def drawn(
    cell: CellName = "lstm", seed: int = 0, direction: Direction = "forward"
) -> dict[str, np.ndarray]:
    settings = ModelSettings(
        vocab_size=50,
        embedding_size=400,
        hidden_size=H,
        num_layers=2,
        dropout_rate=0.0,
        cell=cell,
        direction=direction,
        num_labels=3 if direction == "forward" else 0,
        projection_rank=20,
    )
    parameters = draw_parameters(settings, seed)
    assert {name: array.shape for name, array in parameters.items()} == parameter_shapes(settings)
    assert {array.dtype for array in parameters.values()} == {np.dtype(np.float32)}
    return parameters


@pytest.mark.parametrize("cell", CELLS)
def test_the_kernel_of_each_gate_turns_the_state_and_no_two_are_alike(cell: CellName) -> None:
    parameters = drawn(cell)
    kernels = [
        gate
        for layer in range(2)
        for gate in np.split(
            parameters[f"layers.{layer}.recurrent_kernel"], CELLS[cell].num_gates, axis=1
        )
    ]
    for kernel in kernels:
        np.testing.assert_allclose(kernel @ kernel.T, np.eye(H), atol=1e-5)
    assert len({kernel.tobytes() for kernel in kernels}) == 2 * CELLS[cell].num_gates


def test_orthogonal_matrices_are_not_all_of_one_kind() -> None:
    # The QR decomposition alone gives numbers of one sign on most of the diagonal.
    diagonals = [np.diagonal(drawn(seed=seed)["layers.0.recurrent_kernel"]) for seed in range(4)]
    assert abs(np.mean(np.sign(diagonals))) < 0.2


@pytest.mark.parametrize("direction", ["forward", "both"])
def test_other_kernels_keep_the_size_of_what_they_multiply(direction: Direction) -> None:
    parameters = drawn(direction=direction)
    kernels = {
        name: array
        for name, array in parameters.items()
        if name.endswith("kernel") and "recurrent" not in name and "label" not in name
    }
    assert len(kernels) == (4 if direction == "forward" else 6)
    for name, array in kernels.items():
        root = len(array) ** -0.5
        assert array.std() == pytest.approx(root, rel=0.05), name
        assert abs(array.mean()) < 0.1 * root
        # Nothing lies further out than two deviations of the whole normal distribution.
        assert abs(array).max() == pytest.approx(2 / 0.8796 * root, rel=0.05)
    assert parameters["embedding"].std() == pytest.approx(1, rel=0.05)


def test_all_else_is_zero_but_the_bias_of_the_forget_gate() -> None:
    parameters = drawn()
    biases = np.split(parameters["layers.1.bias"], 4)
    assert [set(bias.tolist()) for bias in biases] == [{0.0}, {1.0}, {0.0}, {0.0}]
    for name in ("projection.bias", "layers.0.label_kernel"):
        assert not parameters[name].any()


def test_the_seed_decides_every_drawn_number() -> None:
    one, same, other = (drawn(seed=seed) for seed in (0, 0, 2**32))
    for name, array in one.items():
        np.testing.assert_array_equal(array, same[name])
        if array.any() and not name.endswith("bias"):
            assert (array == other[name]).mean() < 0.001, name
