"""The paths of the server, as an ASGI application."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from textgen.errors import TextgenError
from textgen.serve.http import tokens
from textgen.serve.http.answer import (
    DONE,
    REPLACED,
    SEED,
    EventStream,
    answer_head,
    answer_headers,
    event_of,
    whole_answer,
)
from textgen.serve.http.asked import Asked, read_chat, read_completion
from textgen.serve.http.choice import News
from textgen.serve.http.errors import RefusedError, error_response, refused
from textgen.serve.http.fields import parse_object
from textgen.serve.http.filler import Filler, gaps_of
from textgen.serve.http.forms import CHAT, COMPLETION, Form
from textgen.serve.http.gate import Gate
from textgen.serve.http.job import make_job
from textgen.serve.http.keys import Keys
from textgen.serve.http.limits import Limits
from textgen.serve.http.metrics import metrics_text
from textgen.serve.http.receiving import beside, body_of, while_connected
from textgen.serve.http.reply import JsonReply
from textgen.serve.http.service import Service
from textgen.serve.http.texts import Texts

if TYPE_CHECKING:  # it imports JAX
    from textgen.serve.served_model import ServedModel

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Headers of an answer that scripts of allowed web pages may read.
EXPOSED = (SEED, REPLACED, "Retry-After")
# What the page of a run allows is in the page. This forbids to show it inside of another page.
PAGE_POLICY = "frame-ancestors 'none'"

Read = Callable[[dict[str, Any], Limits], Asked]


def make_app(
    service: Service,
    *,
    keys: Keys | None = None,
    origins: Sequence[str] = (),
    is_local: bool = True,
) -> Starlette:
    """Return the server as an ASGI application.

    Args:
        service: the served runs.
        keys: keys of which a client must give one; None if it needs none.
        origins: origins of web pages that may use the server; `*` is any.
        is_local: whether only this machine can reach it.
    """
    paths: dict[str, tuple[str, Callable[[Request], Awaitable[Response]]]] = {
        "/": ("GET", _page),
        "/health": ("GET", _health),
        "/metrics": ("GET", _metrics),
        "/v1/models": ("GET", _models),
        "/v1/models/{name:path}": ("GET", _model),
        "/v1/completions": ("POST", _completions),
        "/v1/chat/completions": ("POST", _chat),
        "/tokenize": ("POST", _tokenize),
        "/detokenize": ("POST", _detokenize),
        "/tokenizer_info": ("GET", _tokenizer_info),
    }
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=EXPOSED,
    )
    gate = Middleware(Gate, keys=keys, origins=origins, is_local=is_local)
    app = Starlette(
        routes=[Route(path, run, methods=[method]) for path, (method, run) in paths.items()],
        middleware=[cors, gate] if origins else [gate],
        exception_handlers={
            TextgenError: _refuse,
            HTTPException: _refuse_path,
            ClientDisconnect: _leave,
            Exception: _fail,
        },
    )
    app.state.service, app.state.errors, app.state.paths = (
        service,
        Counter(),
        [path.replace("{name:path}", "ID") for path in paths],
    )
    return app


async def _completions(request: Request) -> Response:
    return await _texts(request, read_completion, COMPLETION)


async def _chat(request: Request) -> Response:
    return await _texts(request, read_chat, CHAT)


async def _texts(request: Request, read: Read, form: Form) -> Response:
    service: Service = request.app.state.service
    limits, body = service.limits, await body_of(request)
    asked = await beside(body, lambda: read(parse_object(body), limits))
    model = service.find(asked.model)
    if isinstance(model, Filler):
        return await while_connected(request, _filled(service, model, asked, form))
    if asked.suffix is not None:
        raise RefusedError(
            f"the run {model.name!r} reads forward alone, and suffix needs one that reads in both "
            "directions; train it with --direction both",
            param="suffix",
        )
    job = await beside(body, lambda: make_job(asked, model, limits))
    pace = service.pace if asked.is_streamed else None
    texts = Texts(job, service.scheduler, limits.max_seconds, pace)
    if asked.is_streamed:
        return EventStream(job, texts, form)
    try:
        return await while_connected(request, whole_answer(job, texts, form))
    finally:
        texts.close()


async def _filled(service: Service, filler: Filler, asked: Asked, form: Form) -> Response:
    gaps = gaps_of(asked, filler.name, service.limits)
    filled = await service.fill(filler, gaps)
    name = form.chunk if asked.is_streamed else form.whole
    head = answer_head(form, name, filler.name, asked, filler.step)
    headers, choices = answer_headers(asked, {}), list[dict[str, Any]]()
    for gap, texts in zip(gaps, filled, strict=True):
        for text in texts:
            news = News((gap.before if asked.echoes else "") + text, 0, ())
            choices.append(form.choice(len(choices), news, "stop", None))
    read = sum(len(gap.before) + len(gap.after) for gap in gaps)
    written = sum(len(text) for texts in filled for text in texts)
    usage = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
    }
    if not asked.is_streamed:
        return JsonReply(head | {"choices": choices, "usage": usage}, headers=headers)
    events = [event_of(head | {"choices": [choice]}) for choice in choices]
    if asked.has_usage:
        events.append(event_of(head | {"choices": [], "usage": usage}))
    return Response(b"".join([*events, DONE]), 200, headers, "text/event-stream")


async def _models(request: Request) -> Response:
    service: Service = request.app.state.service
    listed = [_described(service.find(name), service) for name in service.names]
    return JsonReply({"object": "list", "data": listed})


async def _model(request: Request) -> Response:
    service: Service = request.app.state.service
    return JsonReply(_described(service.find(request.path_params["name"]), service))


def _described(model: "ServedModel | Filler", service: Service) -> dict[str, Any]:
    described: dict[str, Any] = {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": "textgen",
        "step": model.step,
        "max_model_len": service.limits.max_prompt,
        "direction": "both" if isinstance(model, Filler) else "forward",
    }
    if not isinstance(model, Filler):
        described["labels"] = {field.name: list(field.values) for field in model.labels}
        described["documents"] = model.documents
    return described


async def _tokenize(request: Request) -> Response:
    service, body = request.app.state.service, await body_of(request)
    found = await beside(body, lambda: tokens.tokenize(parse_object(body), service))
    return JsonReply(found)


async def _detokenize(request: Request) -> Response:
    service, body = request.app.state.service, await body_of(request)
    found = await beside(body, lambda: tokens.detokenize(parse_object(body), service))
    return JsonReply(found)


async def _tokenizer_info(request: Request) -> Response:
    service: Service = request.app.state.service
    model = service.find_forward(request.query_params.get("model"))
    return JsonReply(tokens.tokenizer_info(model, service.limits))


async def _health(request: Request) -> Response:
    return JsonReply({"status": "ok"})


async def _metrics(request: Request) -> Response:
    figures = request.app.state.service.scheduler.figures()
    return PlainTextResponse(
        metrics_text(figures, request.app.state.errors), media_type=METRICS_TYPE
    )


async def _page(request: Request) -> Response:
    service: Service = request.app.state.service
    if service.make_page is None:
        raise RefusedError("this server has no page", status=404)
    name = request.query_params.get("model") or service.names[0]
    page = await service.page(service.find_forward(name))
    return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY})


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, TextgenError)
    request.app.state.errors[refused(error).status] += 1
    return error_response(error)


async def _refuse_path(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    message = f"there is no path {path[:80]!r} here; there are {', '.join(request.app.state.paths)}"
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        message = f"{path} takes {allowed}, got {request.method[:20]}"
    told = RefusedError(message, status=error.status_code, headers=error.headers)
    return await _refuse(request, told)


async def _leave(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it


async def _fail(request: Request, error: Exception) -> Response:
    told = RefusedError("something went wrong in the server; this is a bug", status=500)
    return await _refuse(request, told)
