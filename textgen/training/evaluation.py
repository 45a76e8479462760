"""How well a network predicts a text, in nats per character, by two protocols.

`stream` reads the whole text with the state carried; `window` starts from the zero state every 256
characters (nanoGPT's protocol). Their numbers are never comparable.
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from textgen.data.tokens import Tokens
from textgen.network.model import Apply, Parameters, States, zero_states
from textgen.settings import ModelSettings
from textgen.training.devices import DATA, replicated, shared
from textgen.training.objective import cross_entropy

CHUNK = 128
WINDOW = 256


def bits_per_character(nats: float) -> float:
    """Turn nats per character into bits per character: nats / ln 2."""
    return nats / math.log(2)


class Evaluator:
    """Measures the loss of parameters on texts; compiled once for each shape."""

    def __init__(self, apply: Apply, settings: ModelSettings, mesh: Mesh) -> None:
        self._settings = settings
        self._mesh = mesh
        everywhere, split = PartitionSpec(), PartitionSpec(DATA)

        @jax.jit
        @partial(
            jax.shard_map,
            mesh=mesh,
            in_specs=(everywhere, split, split, split, split),
            out_specs=(split, everywhere),
            check_vma=False,
        )
        def total(
            parameters: Parameters, states: States, inputs: Any, targets: Any, scored: Any
        ) -> tuple[States, jax.Array]:
            logits, states = apply(parameters, inputs, states)
            nats = jnp.sum(cross_entropy(logits, targets.T) * scored.T)
            return states, jax.lax.psum(nats, DATA)

        self._total = total

    def stream(
        self,
        parameters: Parameters,
        tokens: Tokens,
        *,
        streams: int = 1,
        limit: int | None = None,
    ) -> float:
        """Return the loss with the state carried along the text.

        Args:
            parameters: the network's.
            tokens: ids, [N] with N at least 2; every id but the first is predicted.
            streams: 1 reads the text once from start to end, exactly. More cut it into as many
                pieces, read side by side, each after the 128 characters before it.
            limit: score about this many characters, spread over the text; None for all.

        Returns:
            Nats per character.
        """
        predictions = len(tokens) - 1
        streams = min(streams, -(-predictions // CHUNK))
        piece = -(-predictions // streams)
        scored = piece if limit is None else min(piece, max(limit // streams, 1))
        lead = CHUNK if streams > 1 else 0
        first = np.arange(self._rows(streams)) * piece
        ends = np.minimum(first + scored, np.where(np.arange(len(first)) < streams, predictions, 0))
        return self._mean(parameters, tokens, np.maximum(first - lead, 0), first, ends)

    def window(self, parameters: Parameters, tokens: Tokens, *, batch_size: int = 64) -> float:
        """Return the loss over adjoining windows of 256 characters, each from the zero state.

        Args:
            parameters: the network's.
            tokens: ids, [N] with N at least 2.
            batch_size: windows read side by side.

        Returns:
            Nats per character, the mean over all positions of all windows.
        """
        predictions = len(tokens) - 1
        starts = np.arange(0, predictions, WINDOW)
        nats = 0.0
        for at in range(0, len(starts), self._rows(batch_size)):
            first = starts[at : at + self._rows(batch_size)]
            idle = np.full(self._rows(batch_size) - len(first), predictions)
            first = np.concatenate([first, idle])
            ends = np.minimum(first + WINDOW, predictions)
            nats += self._mean(parameters, tokens, first, first, ends) * int(np.sum(ends - first))
        return nats / predictions

    def _rows(self, rows: int) -> int:
        return -(-rows // self._mesh.size) * self._mesh.size

    def _mean(
        self, parameters: Parameters, tokens: Tokens, begins: Any, first: Any, ends: Any
    ) -> float:
        """Read rows from `begins`, zero state, and average the loss from `first` up to `ends`."""
        states = jax.device_put(zero_states(self._settings, len(first)), shared(self._mesh))
        parameters = jax.device_put(parameters, replicated(self._mesh))
        nats, count = 0.0, 0
        for at in range(0, int(np.max(ends - begins)), CHUNK):
            places = (begins + at)[:, None] + np.arange(CHUNK)
            scored = (places >= first[:, None]) & (places < ends[:, None])
            inside = np.clip(places, 0, len(tokens) - 2)
            inputs = tokens[inside].astype(np.int32)
            targets = tokens[inside + 1].astype(np.int32)
            states, chunk_nats = self._total(parameters, states, inputs, targets, scored)
            nats += float(chunk_nats)
            count += int(np.count_nonzero(scored))
        return nats / count
