"""What evaluation harnesses ask of a tokenizer. Here, a token is a character."""

from typing import TYPE_CHECKING, Any

from textgen.errors import SettingError
from textgen.serve.http.asked import read_chat_prompt
from textgen.serve.http.characters import BOUNDARY, boundary_id, read_prompt, spell
from textgen.serve.http.errors import RefusedError
from textgen.serve.http.fields import Fields, shown
from textgen.serve.http.limits import Limits
from textgen.serve.http.service import Service
from textgen.settings import TEXT_UNKNOWN

if TYPE_CHECKING:  # it imports JAX
    from textgen.serve.served_model import ServedModel

# How the messages of a chat become a text, as a template of Jinja.
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }}"
    "{% if not loop.last %}{{ '\\n' }}{% endif %}{% endfor %}"
)
# What clients send for tokenizers with other symbols, and what changes nothing here.
IGNORED = (
    "add_special_tokens",
    "add_generation_prompt",
    "continue_final_message",
    "return_token_strs",
)


def tokenize(body: dict[str, Any], service: Service) -> dict[str, Any]:
    """Return the ids of a text, or of the messages of a chat.

    Raises:
        UsageError: if the request is wrong.
    """
    fields = Fields(body)
    model = service.find_forward(_name(fields))
    prompt, messages = fields.take("prompt"), fields.take("messages")
    if messages is not None:
        prompt = read_chat_prompt(messages)
    if not isinstance(prompt, str):
        raise SettingError("prompt", shown(prompt), "a text")
    fields.ignore(*IGNORED)
    fields.finish()
    # A character that the run does not know keeps its place, as the unknown character.
    read = read_prompt(model, prompt, TEXT_UNKNOWN)
    ids = [boundary_id(model.vocabulary)] * read.has_boundary + read.tokens.tolist()
    most = service.limits.max_prompt
    return {"tokens": ids, "count": len(ids), "max_model_len": most, "model": model.name}


def detokenize(body: dict[str, Any], service: Service) -> dict[str, Any]:
    """Return the text of ids.

    Raises:
        UsageError: if the request is wrong, or an id is out of range.
    """
    fields = Fields(body)
    model = service.find_forward(_name(fields))
    tokens = fields.take("tokens")
    fields.ignore("skip_special_tokens")
    fields.finish()
    is_ids = isinstance(tokens, list) and all(
        isinstance(one, int) and not isinstance(one, bool) for one in tokens
    )
    if not is_ids:
        raise SettingError("tokens", shown(tokens), "a list of ids")
    first = [boundary_id(model.vocabulary)]
    try:
        read = read_prompt(model, tuple(tokens), TEXT_UNKNOWN)
    except RefusedError as error:
        raise RefusedError(
            str(error).replace("the prompt has", "tokens has"), param="tokens"
        ) from error
    text = BOUNDARY * (tokens[:1] == first) + spell(model.vocabulary, read.tokens)
    return {"prompt": text, "model": model.name}


def tokenizer_info(model: "ServedModel", limits: Limits) -> dict[str, Any]:
    """Return what a harness wants to know of a tokenizer."""
    return {
        "tokenizer_class": "characters",
        "model": model.name,
        "vocab_size": len(model.vocabulary),
        "characters": model.vocabulary.alphabet,
        "bos_token": BOUNDARY,
        "eos_token": BOUNDARY,
        "pad_token": None,
        "unk_token": "\ufffd",
        "model_max_length": limits.max_prompt,
        "chat_template": CHAT_TEMPLATE,
    }


def _name(fields: Fields) -> str | None:
    name = fields.take("model")
    if name is not None and not isinstance(name, str):
        raise SettingError("model", shown(name), "a text")
    return name
