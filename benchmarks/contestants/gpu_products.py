"""The speed of large matrix products on a GPU, in operations per second, as a line of JSON."""

import json

import jax

from textgen.runtime.devices import make_mesh, product_speed

if __name__ == "__main__":
    mesh = make_mesh(1, 1)
    speeds = {"bfloat16": product_speed(mesh, precision="bfloat16"), "TF32": product_speed(mesh)}
    jax.config.update("jax_default_matmul_precision", "highest")
    jax.clear_caches()
    speeds["float32"] = product_speed(mesh)
    print(json.dumps(speeds), flush=True)
