"""Initial parameters of a network.

They are drawn with NumPy: what is run once is not worth the second that XLA takes to compile it.
"""

import numpy as np
from numpy.typing import NDArray

from textgen.network.cells import CELLS
from textgen.network.parameters import LABEL_KERNEL, parameter_shapes
from textgen.settings import ModelSettings

# A normal distribution without what lies further out than this many standard deviations, and what
# its own standard deviation then is.
CUT, CUT_DEVIATION = 2.0, 0.87962566103423978


def draw_parameters(settings: ModelSettings, seed: int) -> dict[str, NDArray[np.float32]]:
    """Draw the initial parameters of a network.

    An embedding is normal with a deviation of 1. Kernels are LeCun normal, but the kernel of each
    gate inside the recurrence is an orthogonal matrix, so that at first the state neither grows nor
    fades. Biases are those of the cell, and all else is zero.

    Args:
        settings: shape of the network.
        seed: of the random numbers, in [0, 2**63).

    Returns:
        The parameters by the names of `parameter_shapes`.

    References:
        LeCun, Bottou, Orr and Müller (1998), Efficient BackProp: the deviation of kernels.
        Saxe, McClelland and Ganguli (2014), Exact Solutions to the Nonlinear Dynamics of Learning
        in Deep Linear Neural Networks: orthogonal matrices.
    """
    cell, hidden = CELLS[settings.cell], settings.hidden_size
    random = np.random.default_rng(seed)
    parameters = {}
    for name, shape in parameter_shapes(settings).items():
        part = name.rpartition(".")[2]
        if part == "embedding":
            drawn = random.normal(size=shape)
        elif part == LABEL_KERNEL or name == "projection.bias":
            drawn = np.zeros(shape)
        elif part == "bias":
            drawn = np.repeat(cell.initial_biases, hidden)
        elif part == "recurrent_kernel":
            gates = [_orthogonal(random, hidden) for _ in range(cell.num_gates)]
            drawn = np.concatenate(gates, axis=1)
        else:
            drawn = _lecun_normal(random, shape)
        parameters[name] = drawn.astype(np.float32)
    return parameters


def _lecun_normal(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw a kernel [I, O] with a standard deviation of the root of 1 / I."""
    drawn = random.normal(size=shape)
    while (is_outside := abs(drawn) > CUT).any():
        drawn[is_outside] = random.normal(size=np.count_nonzero(is_outside))
    kernel: NDArray[np.float64] = drawn / (CUT_DEVIATION * shape[0] ** 0.5)
    return kernel


def _orthogonal(random: np.random.Generator, size: int) -> NDArray[np.float64]:
    """Draw an orthogonal matrix [H, H], each of them equally likely."""
    rotation, triangle = np.linalg.qr(random.normal(size=(size, size)))
    # Without the signs the matrices would not be equally likely.
    matrix: NDArray[np.float64] = rotation * np.sign(np.diagonal(triangle))
    return matrix
