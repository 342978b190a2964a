"""An impression that the served model writes from findings; whether the findings bear it is asked
of it afterwards (`reports.concluding.borne`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from radraft.core.control_tokens import inert
from radraft.core.errors import DraftingError
from radraft.llm.question import ask_and_wait
from radraft.reports.characters import refused
from radraft.reports.values import LANGS, Lang, Sentence

if TYPE_CHECKING:
    from radraft.llm.endpoint import Endpoint
    from radraft.llm.profiles import Profile

PATIENCE_S = 5.0
"""How long a reader waits for the model, from connecting to its last word."""
_SYSTEM = (
    "You write the impression of a radiology report. You are given its findings. Name what is "
    "abnormal, the most serious first, one finding a line, in each language of the findings, with "
    "the side and size that the findings give. State nothing that the findings do not. Where "
    "nothing is abnormal, write one line that says so."
)


class _Pair(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    zh: str = Field(default="", max_length=400)
    en: str = Field(default="", max_length=400)


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    impression: tuple[_Pair, ...] = Field(max_length=20)


def write_impression(
    findings: Sequence[Sentence],
    *,
    profile: Profile,
    endpoint: Endpoint | None,
    patience_s: float = PATIENCE_S,
) -> tuple[tuple[tuple[Lang, str], ...], ...]:
    """Return the lines of an impression, each with its texts by language.

    DraftingError `llm_unreachable` (also where no vLLM answers now), `llm_no_answer` in
    `patience_s`, `llm_bad_answer`.
    """
    if endpoint is None:
        raise DraftingError("llm_unreachable")
    answer = ask_and_wait(
        "POST",
        f"{endpoint.url}/v1/chat/completions",
        key=endpoint.key,
        patience_s=patience_s,
        body=_body(findings, profile, endpoint.model),
    )
    if not answer.good:
        raise DraftingError("llm_bad_answer")
    return _lines(answer.json())


def asked(findings: Sequence[Sentence]) -> tuple[dict[str, str], ...]:
    """Return the chat messages that ask for the impression of those findings."""
    said = json.dumps({"findings": written(findings)}, ensure_ascii=False)
    return ({"role": "system", "content": _SYSTEM}, {"role": "user", "content": said})


def written(sentences: Sequence[Sentence]) -> list[dict[Lang, str]]:
    """Return sentences as the question and its answer have them: their texts by language."""
    return [
        {lang: inert(sentence.text(lang)) for lang in LANGS if sentence.text(lang).strip()}
        for sentence in sentences
    ]


def _body(findings: Sequence[Sentence], profile: Profile, model: str) -> bytes:
    bounds = profile.bounds
    texts = {
        "zh": {"type": "string", "maxLength": bounds.zh_chars},
        "en": {"type": "string", "maxLength": bounds.en_chars},
    }
    said = written(findings)
    langs = [lang for lang in LANGS if any(lang in sentence for sentence in said)]
    pair = {
        "type": "object",
        "properties": {lang: texts[lang] for lang in langs},
        "required": langs,
        "additionalProperties": False,
    }
    lines = {"type": "array", "items": pair, "minItems": 1, "maxItems": bounds.impression}
    schema = {
        "type": "object",
        "properties": {"impression": lines},
        "required": ["impression"],
        "additionalProperties": False,
    }
    body = {
        "model": model,
        "messages": asked(findings),
        "temperature": 0.0,
        "max_tokens": profile.sampling.max_tokens,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "impression", "schema": schema, "strict": True},
        },
    }
    return json.dumps(body, ensure_ascii=False).encode()


def _lines(reply: Any) -> tuple[tuple[tuple[Lang, str], ...], ...]:
    try:
        content = reply["choices"][0]["message"]["content"]
        pairs = _Reply.model_validate_json(content).impression
    except (KeyError, IndexError, TypeError, ValidationError):
        raise DraftingError("llm_bad_answer") from None
    found = []
    for pair in pairs:
        by_language: tuple[tuple[Lang, str], ...] = (("zh", pair.zh), ("en", pair.en))
        texts = tuple((lang, text.strip()) for lang, text in by_language if text.strip())
        if texts and not any(any(refused(text)) for _, text in texts):
            found.append(texts)
    return tuple(found)
