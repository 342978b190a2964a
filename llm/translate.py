"""One sentence of a report in the other language, by the served model, in a bounded time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from radraft.core.control_tokens import inert
from radraft.core.errors import DraftingError
from radraft.llm.question import ask_and_wait
from radraft.reports import characters
from radraft.reports.codec import MAX_TEXT
from radraft.reports.values import Lang

if TYPE_CHECKING:
    from radraft.llm.endpoint import Endpoint

MAX_TOKENS = 512
_ASKED: dict[Lang, str] = {
    "zh": "Translate this sentence of a radiology report from Chinese into English. Keep every "
    "finding, side, negation, number and unit. Add nothing and leave nothing out.",
    "en": "把放射诊断报告中的这句英文译成中文。保留全部所见、左右侧、否定、数字和单位，不增不减。",
}
_SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}},
    "required": ["text"],
    "additionalProperties": False,
}


def translated(text: str, lang: Lang, *, endpoint: Endpoint, limit_s: float) -> str:
    """Return what the model makes of `text`, written in `lang`, in the other language: one line,
    and no more than a report may hold.

    Whether it says the same is for the caller to check. DraftingError `llm_unreachable`,
    `llm_no_answer` (in `limit_s` seconds), `llm_bad_answer`.
    """
    body = {
        "model": endpoint.model,
        "messages": asked(text, lang),
        "temperature": 0.0,
        "max_tokens": MAX_TOKENS,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "translation", "schema": _SCHEMA},
        },
    }
    got = ask_and_wait(
        "POST",
        f"{endpoint.url}/v1/chat/completions",
        key=endpoint.key,
        patience_s=limit_s,
        body=json.dumps(body, ensure_ascii=False).encode("utf-8"),
    )
    if not got.good:
        raise DraftingError("llm_bad_answer")
    return _text(got.json())


def asked(text: str, lang: Lang) -> tuple[dict[str, str], ...]:
    """Return the chat messages that ask for `text`, written in `lang`, in the other language."""
    return (
        {"role": "system", "content": _ASKED[lang]},
        {"role": "user", "content": inert(text)},
    )


def answer(text: str) -> str:
    """Return the translation `text` as a model answers with it."""
    return json.dumps({"text": inert(text)}, ensure_ascii=False, separators=(",", ":"))


def _text(got: Any) -> str:
    try:
        choice = got["choices"][0]
        text = json.loads(choice["message"]["content"])["text"]
        whole = choice["finish_reason"] == "stop"
    except (LookupError, TypeError, ValueError, RecursionError):
        raise DraftingError("llm_bad_answer") from None
    if not isinstance(text, str) or not whole:
        raise DraftingError("llm_bad_answer")
    line = " ".join(characters.without_zero_width(text).split())
    if not 0 < len(line) <= MAX_TEXT or next(characters.refused(line), None) is not None:
        raise DraftingError("llm_bad_answer")
    return line
