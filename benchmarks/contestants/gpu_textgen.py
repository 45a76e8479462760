"""textgen's training step on a GPU, with the products that the second argument names."""

import sys
from functools import partial

import jax
from textgen_step import build
from turns import take_turns

from textgen.settings import Computation

# How each variant computes. XLA multiplies float32 as TF32 on a GPU, unless it is told otherwise.
VARIANTS = {
    "bfloat16": Computation("bfloat16", "scan"),
    "TF32": Computation("float32", "scan"),
    "float32": Computation("float32", "scan"),
    "TF32, cuDNN": Computation("float32", "cudnn"),
}


if __name__ == "__main__":
    if sys.argv[2] == "float32":
        jax.config.update("jax_default_matmul_precision", "highest")
    take_turns(partial(build, computation=VARIANTS[sys.argv[2]], devices=1))
