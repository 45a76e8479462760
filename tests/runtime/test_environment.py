import os
import sys
from typing import Any

import jax
import pytest

from textgen.errors import TextgenWarning, UsageError
from textgen.runtime import environment as module
from textgen.runtime.environment import ignore_settings, prepare_jax

# Every setting of JAX that a command takes from the environment.
HEEDED = {
    "JAX_COMPILATION_CACHE_DIR",
    "JAX_COMPILATION_CACHE_MAX_SIZE",
    "JAX_CUDA_VISIBLE_DEVICES",
    "JAX_DEBUG_LOG_MODULES",
    "JAX_ENABLE_COMPILATION_CACHE",
    "JAX_EXPLAIN_CACHE_MISSES",
    "JAX_LOGGING_LEVEL",
    "JAX_LOG_CHECKPOINT_RESIDUALS",
    "JAX_LOG_COMPILES",
    "JAX_ONEAPI_VISIBLE_DEVICES",
    "JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES",
    "JAX_PLATFORMS",
    "JAX_PLATFORM_NAME",
    "JAX_ROCM_VISIBLE_DEVICES",
    "JAX_TRACEBACK_FILTERING",
}


def test_of_all_settings_of_jax_only_those_that_change_no_number_are_heeded() -> None:
    names = {name.upper() for name in jax.config.values}
    assert {"JAX_ENABLE_X64", "JAX_RANDOM_SEED_OFFSET", "JAX_DEBUG_NANS"} < names
    environment = dict.fromkeys(names | {"FLAX_PROFILE", "NNX_GRAPH_MODE", "HOME"}, "0")
    ignore_settings(environment)
    assert environment.keys() == HEEDED | {"HOME"}


@pytest.mark.parametrize(("value", "is_told"), [("1", True), ("true", True), ("0", False)])
def test_a_setting_that_compiles_nothing_is_ignored_and_told(value: str, is_told: bool) -> None:
    environment = {"JAX_DISABLE_JIT": value}
    if is_told:
        with pytest.warns(TextgenWarning, match="JAX_DISABLE_JIT is ignored"):
            ignore_settings(environment)
    else:
        ignore_settings(environment)
    assert environment == {}


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ("--xla_nonsense=1 --none=2", "Unknown flags in XLA_FLAGS: --xla_nonsense=1 --none=2"),
        ("--xla_cpu_enable_fast_math=maybe", "Couldn't interpret value maybe for flag"),
        ("nonsense", 'Could not open file "nonsense" to read flags'),
    ],
)
def test_options_that_xla_does_not_know_are_named(flags: str, reason: str) -> None:
    with pytest.raises(UsageError, match="change or unset XLA_FLAGS") as caught:
        prepare_jax(os.environ | {"XLA_FLAGS": flags})
    assert str(caught.value).startswith(f"XLA cannot start: {reason}")


def test_options_that_xla_knows_are_kept_and_its_own_are_not_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment: Any = os.environ | {"XLA_FLAGS": "--xla_cpu_enable_fast_math=false"}
    prepare_jax(environment, one_kernel=True)
    assert environment["XLA_FLAGS"].startswith("--xla_cpu_enable_fast_math=false --xla_backend")
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: pytest.fail("it was tried"))
    for own in ({}, {"XLA_FLAGS": module.ONE_KERNEL}):
        prepare_jax({name: os.environ[name] for name in ("HOME", "PATH")} | own)


def test_a_jax_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(UsageError, match="pip install jax flax optax"):
        prepare_jax({})
