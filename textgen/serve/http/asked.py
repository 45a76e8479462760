"""What a client asks for: the parameters of a request for text, checked as far as no run is needed.

Parameters have the names that clients know. Those that only textgen has are called as the options
of `textgen sample`.
"""

import secrets
from dataclasses import dataclass, field
from typing import Any, get_args

from textgen.data.labels import AskedLabels
from textgen.errors import SettingError
from textgen.generation.generator import LENGTH
from textgen.restoration.gaps import LONGEST_UNKNOWN
from textgen.serve.http.errors import RefusedError
from textgen.serve.http.fields import Fields, shown
from textgen.serve.http.limits import MAX_TEXTS, MAX_TOP, Limits
from textgen.settings import MAX_SEED, PROMPT_UNKNOWN, OnUnknown, SamplingSettings, setting_options

# A prompt: a text, or the ids of its characters.
Prompt = str | tuple[int, ...]
# Largest change of a logit that clients send.
MAX_BIAS = 100.0
# What clients send for other services, and what changes nothing here.
IGNORED = ("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key")
PENALTIES = ("presence_penalty", "frequency_penalty")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request for text.

    Attributes:
        model: id of a served run; None if the client named none.
        prompts: at least one.
        suffix: text behind the one that is written; None if there is none.
        settings: how to draw the characters, and where to end.
        length: most characters of a text.
        count: texts that the client gets for each prompt.
        drawn: texts that are written for each prompt, of which the best ones are given.
        seed: seed of the draws; text i of a prompt is sample i of the seed.
        labels: labels of the text as they are asked for: proportions by name, or as they are typed.
        bias: what is added to the logits, by id.
        top: log-probabilities of so many characters at each position; None for none.
        echoes: whether the answer begins with the prompt.
        is_continued: whether the prompt is the middle of a text.
        on_unknown: what to do with characters that the run does not know.
        is_streamed: whether the text is sent while it is written.
        has_usage: whether a stream ends with the numbers of characters.
    """

    model: str | None = None
    prompts: tuple[Prompt, ...] = ("",)
    suffix: str | None = None
    settings: SamplingSettings = field(default_factory=SamplingSettings)
    length: int = LENGTH
    count: int = 1
    drawn: int = 1
    seed: int = 0
    labels: AskedLabels | tuple[str, ...] = ()
    bias: dict[int, float] = field(default_factory=dict)
    top: int | None = None
    echoes: bool = False
    is_continued: bool = False
    on_unknown: OnUnknown = PROMPT_UNKNOWN
    is_streamed: bool = False
    has_usage: bool = False


def read_completion(body: dict[str, Any], limits: Limits) -> Asked:
    """Read the parameters of `/v1/completions`.

    Raises:
        UsageError: if one is wrong, or unknown.
    """
    fields = Fields(body)
    prompts = _prompts(fields.take("prompt"))
    suffix = _text(fields, "suffix")
    top = fields.take("logprobs")
    if top is not None:
        top = Fields({"logprobs": top}).whole("logprobs", default=0, low=0, high=MAX_TOP)
    echoes = fields.flag("echo")
    count = fields.whole("n", "num_samples", default=1, low=1, high=MAX_TEXTS)
    drawn = fields.whole("best_of", default=count, low=1, high=MAX_TEXTS)
    if drawn < count:
        raise RefusedError(f"best_of must be at least n, {count}, got {drawn}", param="best_of")
    asked = _read_common(
        fields,
        limits,
        names=("max_tokens", "length"),
        prompts=prompts,
        suffix=suffix,
        top=top,
        echoes=echoes,
        count=count,
        drawn=drawn,
    )
    if asked.is_streamed and drawn > count:
        raise RefusedError("best_of cannot be streamed; leave out stream", param="best_of")
    return asked


def read_chat(body: dict[str, Any], limits: Limits) -> Asked:
    """Read the parameters of `/v1/chat/completions`. Its messages, joined by newlines, are a text.

    Raises:
        UsageError: if one is wrong, or unknown.
    """
    fields = Fields(body)
    prompt = read_chat_prompt(fields.take("messages"))
    wants_top = fields.flag("logprobs")
    top = fields.whole("top_logprobs", default=0, low=0, high=MAX_TOP)
    count = fields.whole("n", "num_samples", default=1, low=1, high=MAX_TEXTS)
    what = "this server writes text alone; leave {} out"
    for name in ("tools", "functions", "tool_choice", "function_call", "audio"):
        fields.refuse(name, what.format(name), ([], "none", "auto"))
    fields.refuse("response_format", what.format("response_format"), ({"type": "text"},))
    fields.refuse("modalities", what.format("modalities"), (["text"],))
    fields.ignore("parallel_tool_calls", "reasoning_effort", "verbosity")
    return _read_common(
        fields,
        limits,
        names=("max_completion_tokens", "max_tokens", "length"),
        prompts=(prompt,),
        top=top if wants_top else None,
        count=count,
        drawn=count,
    )


def _read_common(fields: Fields, limits: Limits, *, names: tuple[str, ...], **read: Any) -> Asked:
    """Read the parameters that both kinds of requests have, and refuse those that are left."""
    if len(read["prompts"]) * read["drawn"] > MAX_TEXTS:
        raise RefusedError(
            f"a request is for at most {MAX_TEXTS} texts, got {len(read['prompts'])} prompts with "
            f"{read['drawn']} texts each",
            param="n",
        )
    for name in PENALTIES:
        fields.refuse(name, f"{name} must be 0 here; use repetition_penalty instead", (0,))
    usual = LENGTH if read.get("suffix") is None else LONGEST_UNKNOWN
    most = limits.max_length
    length = fields.whole(*names, default=min(usual, most), low=0, high=most)
    asked = Asked(
        model=_text(fields, "model"),
        settings=_settings(fields),
        length=length,
        seed=fields.whole("seed", default=secrets.randbelow(2**31), low=0, high=MAX_SEED),
        labels=_labels(fields.take("label")),
        bias=_bias(fields.take("logit_bias")),
        is_continued=fields.flag("continue", "mid_text"),
        on_unknown=_on_unknown(fields),
        is_streamed=fields.flag("stream"),
        has_usage=_has_usage(fields.take("stream_options")),
        **read,
    )
    fields.ignore(*IGNORED)
    fields.finish()
    return asked


def _text(fields: Fields, name: str) -> str | None:
    value = fields.take(name)
    if value is not None and not isinstance(value, str):
        raise SettingError(name, shown(value), "a text")
    return value


def _prompts(given: Any) -> tuple[Prompt, ...]:
    if given is None or isinstance(given, str):
        return (given or "",)
    if isinstance(given, list) and given:
        if all(isinstance(one, str) for one in given):
            return tuple(given)
        if all(map(_is_id, given)):
            return (tuple(given),)
        if all(isinstance(one, list) and all(map(_is_id, one)) for one in given):
            return tuple(map(tuple, given))
    allowed = "a text, a list of texts, a list of ids or a list of such lists"
    raise SettingError("prompt", shown(given), allowed)


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def read_chat_prompt(given: Any) -> str:
    """Return the messages of a chat as one text.

    Raises:
        UsageError: if they are none.
    """
    if not isinstance(given, list) or not given:
        raise SettingError("messages", shown(given), "a list of at least one message")
    return "\n".join(map(_content, given))


def _content(message: Any) -> str:
    content = message.get("content") if isinstance(message, dict) else message
    parts = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
    texts = [part.get("text") if isinstance(part, dict) else None for part in parts]
    found = [text for text in texts if isinstance(text, str)]
    if not isinstance(message, dict) or len(found) < len(texts):
        raise RefusedError("the content of a message must be text", param="messages")
    return "".join(found)


def _settings(fields: Fields) -> SamplingSettings:
    given = dict[str, Any]()
    for name, setting in setting_options(SamplingSettings).items():
        if name in ("stop", "words"):
            given[name] = fields.texts(name)
            continue
        value = fields.take(name)
        if name == "starts" and isinstance(value, str):
            value = value.split(",")
        elif isinstance(setting.default, int) and isinstance(value, float) and value.is_integer():
            value = int(value)  # JSON has one kind of number
        if value is not None:
            given[name] = value
    return SamplingSettings(**given)


def _labels(given: Any) -> AskedLabels | tuple[str, ...]:
    if given is None or isinstance(given, str):
        return (given,) if given else ()
    if isinstance(given, list) and all(isinstance(one, str) for one in given):
        return tuple(given)
    if isinstance(given, dict) and all(map(_is_label, given.values())):
        return given
    allowed = 'a text FIELD=VALUE, a list of them, or an object such as {"author": "austen"}'
    raise SettingError("label", shown(given), allowed)


def _is_label(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(w, int | float) and not isinstance(w, bool) for w in value.values())
    return isinstance(value, str)


def _bias(given: Any) -> dict[int, float]:
    allowed = f"an object with a number in [-{MAX_BIAS:g}, {MAX_BIAS:g}] for each id"
    if given is not None and not isinstance(given, dict):
        raise SettingError("logit_bias", shown(given), allowed)
    bias = {}
    for key, value in (given or {}).items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (key.isascii() and key.isdigit() and len(key) < 10) or not is_number:
            raise SettingError("logit_bias", shown(given), allowed)
        if not -MAX_BIAS <= value <= MAX_BIAS:
            raise SettingError("logit_bias", shown(value), allowed)
        bias[int(key)] = float(value)
    return bias


def _on_unknown(fields: Fields) -> OnUnknown:
    value = fields.take("on_unknown")
    if value is None:
        return PROMPT_UNKNOWN
    if value not in get_args(OnUnknown):
        raise SettingError("on_unknown", shown(value), "error, nearest, skip or replace")
    return value  # type: ignore[no-any-return]


def _has_usage(given: Any) -> bool:
    if given is None:
        return False
    if not isinstance(given, dict):
        raise SettingError("stream_options", shown(given), "an object")
    fields = Fields(given)
    fields.ignore("include_obfuscation", "continuous_usage_stats")
    has_usage = fields.flag("include_usage")
    fields.finish()
    return has_usage
