"""Serve runs over HTTP, in the form that clients of text models speak."""

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from textgen.data.formats.decoding import normalized
from textgen.errors import UsageError
from textgen.extras import missing_extra
from textgen.generation.engine import LARGEST_OF_A_CORE
from textgen.generation.model import Model
from textgen.restoration import gaps
from textgen.runtime.environment import prepare_jax
from textgen.serve.figures import Figures
from textgen.serve.http.limits import Limits
from textgen.workflows.export import PageOrder, make_page
from textgen.workflows.load import load_model
from textgen.workflows.restore import Restored, RestoreOrder, restore_pieces

try:
    from textgen.serve.http.app import make_app
    from textgen.serve.http.filler import Filler, Gap
    from textgen.serve.http.gate import is_loopback
    from textgen.serve.http.keys import read_keys
    from textgen.serve.http.server import HttpServer, address_of, listen
    from textgen.serve.http.service import Service
except ModuleNotFoundError as missing:
    if missing.name not in ("starlette", "uvicorn", "h11", "anyio"):
        raise
    raise missing_extra("textgen serve", "serve", missing) from missing

# Seconds that texts have to end when the server is stopped; the rest of them is cut.
CLOSING_SECONDS = 2.0
# Prompts for an example, of which the first is taken whose characters the run knows.
EXAMPLES = ("The ", "the ")


@dataclass(frozen=True, kw_only=True)
class ServeOrder:
    """What to serve, and to whom.

    Attributes:
        runs: names of the runs; None for the newest.
        host: name or address of this machine.
        port: port; 0 for a free one.
        key_file: file with the keys of which a client must give one.
        no_key: whether anybody who reaches the server may use it.
        origins: origins of web pages that may use it; `*` is any.
        limits: what a request may cost.
        sessions: number of states that are kept.
        follow: whether a new best checkpoint of a run is served as soon as it is there.
        has_page: whether the page of a run is served.
    """

    runs: Sequence[str | None]
    host: str = "127.0.0.1"
    port: int = 8888
    key_file: Path | None = None
    no_key: bool = False
    origins: Sequence[str] = ()
    limits: Limits = field(default_factory=Limits)
    sessions: int = 64
    follow: bool = False
    has_page: bool = True


@dataclass(frozen=True)
class Serving:
    """A server that runs.

    Attributes:
        url: its address.
        models: ids of the served runs.
        example: a command that shows how to use it.
        figures: returns what was done so far.
    """

    url: str
    models: tuple[str, ...]
    example: str
    figures: Callable[[], Figures]


@contextmanager
def serving(order: ServeOrder, tell: Callable[[str], None] = lambda _: None) -> Iterator[Serving]:
    """Serve runs as long as the context lasts.

    At its end no new requests are taken. Texts have some seconds to end, and are then cut.

    Args:
        order: what to serve.
        tell: function that is called with what is being done.

    Raises:
        UsageError: if the port is taken, two runs have the same name, or other machines could use
            the server although neither a key is asked for nor `no_key` is set.
        RunError: if a run is unknown or damaged.
        NotEnoughMemoryError: if there is too little memory to serve a run.
    """
    keys = None if order.key_file is None else read_keys(order.key_file)
    listener = listen(order.host, order.port)
    with listener:
        host, port = address_of(listener)
        is_local = is_loopback(host)
        if not is_local and keys is None and not order.no_key:
            raise UsageError(
                f"other machines could use the server at {order.host!r}; ask for a key with "
                "--api-key-file, or say --no-key to let anybody use it"
            )
        tell("loading the runs")
        models = _load(order.runs)
        tell("starting JAX and compiling the networks")
        sizes = [model.config.settings.hidden_size for model in models]
        prepare_jax(one_kernel=max(sizes) <= LARGEST_OF_A_CORE)
        from textgen.runtime.cpu_memory import check_use
        from textgen.serve.scheduler import Scheduler  # only here: it imports JAX

        for model in models:
            # Those that are prepared, the same transposed, and one of either for compiled loops.
            check_use(model.config.settings, 4, f"serving the run {model.name!r}")

        scheduler = Scheduler(
            [model for model in models if _is_forward(model)],
            sessions=order.sessions,
            max_running=order.limits.max_running,
            max_waiting=order.limits.max_waiting,
            follow=order.follow,
        )
        service = Service(
            scheduler=scheduler,
            fillers={model.name: _filler(model) for model in models if not _is_forward(model)},
            limits=order.limits,
            make_page=_page_maker(models, has_text=is_local) if order.has_page else None,
        )
        app = make_app(service, keys=keys, origins=order.origins, is_local=is_local)
        scheduler.start()
        server = HttpServer(app, listener)
        server.start()
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{port}"
        names = tuple(model.name for model in models)
        example = _example(url, models[0], has_key=keys is not None)
        try:
            yield Serving(url, names, example, scheduler.figures)
        finally:
            server.refuse_new()
            scheduler.close(CLOSING_SECONDS)
            server.stop()


def _load(names: Sequence[str | None]) -> list[Model]:
    models = [load_model(name) for name in names]
    found = dict[str, Model]()
    for model in models:
        other = found.setdefault(model.name, model)
        if other is not model:
            raise UsageError(
                f"two runs are called {model.name!r}, and clients could not tell them apart; serve "
                "one of them"
            )
    return models


def _is_forward(model: Model) -> bool:
    return model.config.settings.direction == "forward"


def _filler(model: Model) -> Filler:
    created = datetime.fromisoformat(model.run.record().created)
    return Filler(
        name=model.name,
        created=int(created.timestamp()),
        step=model.step,
        fill=partial(fill_gap, model),
    )


def fill_gap(model: Model, gap: Gap) -> list[str]:
    """Fill a gap by a network of both directions.

    Raises:
        UsageError: if no filling keeps to the constraints.
    """
    asked, form = gap.asked, model.config.normalization
    temperature = asked.settings.schedule.values[0]
    order = RestoreOrder(
        num=asked.count, temperature=temperature, seed=asked.seed, settings=asked.settings
    )
    missing = gaps.Gap(1, gap.longest)
    before, after = normalized(gap.before, form), normalized(gap.after, form)
    pieces = [piece for piece in (before, missing, after) if piece]
    restored, *_ = restore_pieces(model, pieces, order)
    assert isinstance(restored, Restored)
    return [restored.text(number) for number in range(len(restored.alternatives))]


def _page_maker(models: Sequence[Model], *, has_text: bool) -> Callable[[str], bytes]:
    """Return what makes the page of a run. Only this machine gets some of the validation text."""
    paths = {model.name: str(model.run.path) for model in models}

    def make(name: str) -> bytes:
        text = None if has_text else ""
        return make_page(PageOrder(runs=[paths[name]], text=text)).page

    return make


def _example(url: str, model: Model, *, has_key: bool) -> str:
    """Return a command that asks for a text."""
    vocabulary = model.config.vocabulary
    known = [one for one in EXAMPLES if all(character in vocabulary for character in one)]
    content = {"model": model.name, "prompt": (*known, vocabulary.alphabet[-1])[0]}
    if not _is_forward(model):
        content["suffix"] = content["prompt"]
    key = ' -H "Authorization: Bearer $KEY"' if has_key else ""
    body = shlex.quote(json.dumps(content, ensure_ascii=False))
    return f"curl {url}/v1/completions{key} -d {body}"
