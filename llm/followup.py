"""Follow-up questions on a signed report, answered from its sentences and from nothing else."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from radraft.core.control_tokens import inert
from radraft.core.errors import FollowupError
from radraft.llm.profiles import Task
from radraft.llm.relevance import NEAREST, Relevant, nearest, relevant
from radraft.llm.sentences import SentenceEncoder
from radraft.reports.assertion import asserted_report
from radraft.reports.characters import refused
from radraft.reports.findings.concepts import Kind, Vocabulary
from radraft.reports.values import Lang, Sentence, SignedReport

if TYPE_CHECKING:
    from radraft.llm.endpoint import Endpoint
    from radraft.llm.profiles import Profile

log = logging.getLogger("radraft.llm.followup")

QUESTION_CHARS = 500
ANSWER_CHARS = 600
CONTEXT_TURNS = 3
"""Earlier turns that a pronoun may point back to."""
CLOSE = 0.02
"""Cosine within which the model may put another sentence before the nearest one."""
PATIENCE_S = 120.0
LETTERS = "ABCDEFGH"


@dataclass(frozen=True)
class Answer:
    """What the reader sees, and the sentences it rests on."""

    answer: str = field(repr=False)
    lang: Lang
    citations: tuple[str, ...]
    """Sentence ids, the most relevant first; empty for a refusal."""
    refused: bool
    """Whether no sentence was found that answers."""
    nearest: tuple[str, ...] = ()
    """Of a refusal: ids of the sentences nearest to the question, none of which is the answer."""


def ask(
    question: str,
    signed: SignedReport | None,
    *,
    profile: Profile,
    endpoint: Endpoint | None,
    sentences: SentenceEncoder,
    history: Sequence[tuple[str, str]] = (),
) -> Answer:
    """Answer `question` from `signed`, in the question's language.

    A guard by rules and embeddings finds the sentences that speak of what is asked. Where there are
    none the answer is a refusal: it says that none was found, never that the report is silent, and
    names the nearest sentences; no model is called. Profiles with `answers: quoted` get the found
    sentences verbatim: the model only orders those that are about equally near. With
    `answers: written` the model words the answer; it must cite, and an answer that says more than
    the sentences it cites is replaced by quoting them. `history`: (question, answer) turns, oldest
    first. `endpoint` None: no vLLM answers now; what needs none is answered all the same.

    FollowupError `followup_empty`, `followup_too_long`, `followup_not_signed`, `followup_not_asked`
    (the profile does not say that its model may be asked),
    `followup_unreachable` or `followup_failed`.
    """
    text = question.strip()
    if not text:
        raise FollowupError("followup_empty")
    if len(text) > QUESTION_CHARS:
        raise FollowupError("followup_too_long", limit=QUESTION_CHARS, length=len(text))
    if signed is None:
        raise FollowupError("followup_not_signed")
    if Task.ANSWER not in profile.tasks:
        raise FollowupError("followup_not_asked")
    lang = language(text)
    vocabulary = _vocabulary()
    earlier = [turn[0] for turn in history[-CONTEXT_TURNS:]]
    report = asserted_report(signed)
    found = relevant(text, report, vocabulary=vocabulary, sentences=sentences, earlier=earlier)
    if not found.sentences:
        near = nearest(text, report, vocabulary=vocabulary, sentences=sentences, earlier=earlier)
        return _refusal(lang, near)
    model = _Model(endpoint)
    if profile.answers == "quoted":
        return _quoted(lang, _ordered(text, found, model, lang), found.unsaid)
    return _written(text, lang, found, model, earlier)


def language(text: str) -> Lang:
    """`zh` where there are more Chinese characters than Latin words, else `en`."""
    chinese = len(re.findall(r"[\u4e00-\u9fff]", text))
    return "zh" if chinese > len(re.findall(r"[A-Za-z]+", text)) else "en"


def _refusal(lang: Lang, near: Sequence[Sentence]) -> Answer:
    ids = tuple(sentence.id for sentence in near[:NEAREST])
    return Answer(str(_texts()[lang]["refusal"]), lang, (), True, ids)


def _quoted(lang: Lang, cited: Sequence[Sentence], unsaid: Sequence[str]) -> Answer:
    texts = _texts()[lang]
    quotes = texts["joiner"].join(_in(lang, sentence) for sentence in cited)
    answer = f"{texts['lead']}{quotes}{_unsaid(lang, unsaid)}"
    return Answer(answer, lang, tuple(sentence.id for sentence in cited), False)


def _unsaid(lang: Lang, unsaid: Sequence[str]) -> str:
    texts = _texts()[lang]
    if not unsaid:
        return ""
    names = texts["comma"].join(_vocabulary().display(name, lang) for name in unsaid)
    return f"{texts['joiner']}{texts['unsaid'].format(concepts=names)}"


def _in(lang: Lang, sentence: Sentence) -> str:
    """Return the sentence in `lang`; in the other language where the reader left this one empty."""
    asked, second = (sentence.zh, sentence.en) if lang == "zh" else (sentence.en, sentence.zh)
    return asked.strip() or second.strip()


def _ordered(question: str, found: Relevant, model: _Model, lang: Lang) -> tuple[Sentence, ...]:
    """Return the found sentences; among those about as near as the nearest, the model's choice
    first.

    So a weak model changes an order that carries little, never what is cited.
    """
    close = [
        sentence
        for sentence, score in zip(found.sentences, found.scores, strict=True)
        if score >= found.scores[0] - CLOSE
    ]
    if len(close) < 2:
        return found.sentences
    letters = list(LETTERS[: len(close)])
    prompt = str(_texts()["choose"]).format(sentences=_listed(close, lang), question=question)
    choice = {"type": "string", "enum": letters}
    reply = model.structured([("user", prompt)], {"sentence": choice}, max_tokens=16)
    picked = reply.get("sentence")
    if picked not in letters:
        log.warning("the model chose none of the sentences; order by nearness kept")
        return found.sentences
    first = close[letters.index(picked)]
    return (first, *(sentence for sentence in found.sentences if sentence is not first))


def _written(
    question: str, lang: Lang, found: Relevant, model: _Model, earlier: Sequence[str]
) -> Answer:
    letters = LETTERS[: len(found.sentences)]
    data = json.dumps(
        {
            "sentences": dict(zip(letters, map(_both, found.sentences), strict=True)),
            "earlier_questions": list(earlier),
            "question": question,
        },
        ensure_ascii=False,
    )
    system = str(_texts()["write"]).format(language=_texts()[lang]["language"])
    choice = {"type": "array", "items": {"type": "string", "enum": list(letters)}, "maxItems": 8}
    wording = {"type": "string", "maxLength": ANSWER_CHARS}
    reply = model.structured(
        [("system", system), ("user", data)],
        {"sentences": choice, "answer": wording},
        max_tokens=512,
    )
    picked, wording_given = reply.get("sentences"), reply.get("answer")
    if not isinstance(picked, list) or not picked or not set(map(str, picked)) <= set(letters):
        return _refusal(lang, found.sentences)
    cited = [s for letter, s in zip(letters, found.sentences, strict=True) if letter in picked]
    if not isinstance(wording_given, str) or not _grounded(wording_given, lang, question, cited):
        log.warning("the model's answer was not borne out by what it cites; quoted instead")
        return _quoted(lang, cited, found.unsaid)
    answer = wording_given.strip() + _unsaid(lang, found.unsaid)
    return Answer(answer, lang, tuple(sentence.id for sentence in cited), False)


def _grounded(answer: str, lang: Lang, question: str, cited: Sequence[Sentence]) -> bool:
    """Return whether an answer names no finding, device, side or number beyond the cited
    sentences'."""
    if not answer.strip() or len(answer) > ANSWER_CHARS or language(answer) != lang:
        return False
    if any(refused(answer)):
        return False
    vocabulary = _vocabulary()
    kinds = (Kind.FINDING, Kind.DEVICE, Kind.TOPIC, Kind.SIDE)
    allowed = set(vocabulary.question(question).names)
    for sentence in cited:
        for name in vocabulary.sentence(sentence.zh, sentence.en).names:
            allowed |= vocabulary.lineage(name)
    source = " ".join(map(_both, cited))
    numbers = set(re.findall(r"\d+(?:\.\d+)?", answer))
    return vocabulary.of_kind(
        vocabulary.sentence(answer, "").names, *kinds
    ) <= allowed and numbers <= set(re.findall(r"\d+(?:\.\d+)?", source))


def _both(sentence: Sentence) -> str:
    return f"{sentence.zh} {sentence.en}".strip()


def _listed(sentences: Sequence[Sentence], lang: Lang) -> str:
    lines = zip(LETTERS, sentences, strict=False)
    return "\n".join(f"{letter}. {_in(lang, sentence)}" for letter, sentence in lines)


class _Model:
    """The language model behind vLLM, through LangChain, with a fixed output format."""

    def __init__(self, endpoint: Endpoint | None) -> None:
        self._endpoint = endpoint

    def structured(
        self, messages: list[tuple[str, str]], properties: dict[str, Any], *, max_tokens: int
    ) -> dict[str, Any]:
        """Return the model's JSON object; empty where it was cut off or is none.

        FollowupError `followup_unreachable` or `followup_failed`.
        """
        if self._endpoint is None:
            raise FollowupError("followup_unreachable")
        import httpx
        import openai
        from langchain_core.exceptions import OutputParserException
        from langchain_openai import ChatOpenAI
        from langsmith import tracing_context
        from pydantic import SecretStr

        schema = {
            "title": "answer",
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
        try:
            # No proxy and no tracing, whatever the environment says: reports stay on this machine.
            with (
                httpx.Client(trust_env=False, timeout=PATIENCE_S) as client,
                tracing_context(enabled=False),
            ):
                chat = ChatOpenAI(
                    base_url=f"{self._endpoint.url}/v1",
                    api_key=SecretStr(self._endpoint.key or "none"),
                    model=self._endpoint.model,
                    temperature=0.0,
                    max_completion_tokens=max_tokens,
                    max_retries=0,
                    timeout=PATIENCE_S,
                    http_client=client,
                    openai_proxy=None,
                )
                reply = chat.with_structured_output(schema, method="json_schema").invoke(
                    [(role, inert(content)) for role, content in messages]
                )
        except openai.APIConnectionError:
            raise FollowupError("followup_unreachable") from None
        except openai.LengthFinishReasonError:
            return {}
        except openai.OpenAIError:
            raise FollowupError("followup_failed") from None
        except OutputParserException:
            return {}
        except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError):
            # Both libraries read an answer without checking it: one that is no chat completion
            # breaks them wherever it differs from one.
            raise FollowupError("followup_failed") from None
        return reply if isinstance(reply, dict) else {}


@cache
def _vocabulary() -> Vocabulary:
    return Vocabulary.load()


@cache
def _texts() -> dict[str, Any]:
    import yaml

    path = files("radraft.llm").joinpath("followup.yaml")
    texts: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return texts
