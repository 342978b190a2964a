"""Questions on a signed report, answered from what is signed and from nothing else."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from radraft.core.control_tokens import inert
from radraft.core.errors import FollowupError
from radraft.llm.asking import preparing
from radraft.llm.asking.borne_out import ANSWER_CHARS, borne_out
from radraft.llm.asking.deciding import decide
from radraft.llm.asking.questions import CONTEXT_TURNS, language
from radraft.llm.asking.sources import Known, source_of
from radraft.llm.asking.values import Finding, Kind, Outcome, Polarity, Quote, SizeAt, Source
from radraft.llm.asking.wording import worded
from radraft.llm.profiles import Task
from radraft.llm.sentences import SentenceEncoder
from radraft.reports.assertion import asserted_report
from radraft.reports.values import Lang, Sentence, SignedReport

if TYPE_CHECKING:
    from radraft.llm.endpoint import Endpoint
    from radraft.llm.profiles import Profile

log = logging.getLogger("radraft.llm.followup")

QUESTION_CHARS = 500
PATIENCE_S = 120.0
LETTERS = "ABCDEFGH"
UNANSWERED = frozenset({Outcome.NOT_MENTIONED, Outcome.CANNOT_ANSWER, Outcome.REFUSED})


@dataclass(frozen=True)
class Answer:
    """What the reader sees, and what it rests on."""

    answer: str = field(repr=False)
    lang: Lang
    citations: tuple[str, ...]
    """Ids of sentences of the open report, the most relevant first; empty for a refusal."""
    refused: bool
    """Whether it was not answered: not mentioned, cannot be answered, or refused."""
    nearest: tuple[str, ...] = ()
    """Of a refusal: ids of the sentences nearest to the question, none of which is the answer."""
    outcome: Outcome = Outcome.ANSWERED
    polarity: Polarity | None = None
    quotes: tuple[Quote, ...] = ()
    """All that it rests on: sentences of this report and of priors, and metadata."""
    related: tuple[Quote, ...] = ()
    sizes: tuple[SizeAt, ...] = ()
    """Sizes over time, oldest first."""
    kind: Kind = Kind.PRESENCE
    """What the question was taken to ask for."""


def ask(
    question: str,
    signed: SignedReport | None,
    *,
    profile: Profile,
    endpoint: Endpoint | None,
    sentences: SentenceEncoder | None,
    history: Sequence[tuple[str, str]] = (),
    known: Known | None = None,
    priors: Sequence[Source] = (),
) -> Answer:
    """Answer `question` from `signed`, what is `known` of it and `priors`, in its language.

    Rules find what the sentences state of what is asked (`llm.asking`) and the outcome, a model
    over sentence vectors weighs both (`sentences` None: rules alone); the answer is a template's
    lead and exact quotations. With `answers: written` the model words what is
    answered from the quoted sentences of this report; wording that says more than these is
    replaced by the quotations, and so it is where no model answers. Where none answers, what lies
    nearest is named. `history`: (question, answer) turns,
    oldest first. `priors`: the patient's other signed reports that this person may read.

    FollowupError `followup_empty`, `followup_too_long`, `followup_not_signed` or
    `followup_not_asked` (the profile does not say that its model may be asked).
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
    earlier = [turn[0] for turn in history[-CONTEXT_TURNS:]]
    report = source_of(signed, known or Known())
    found = decide(text, report, priors, lang=lang, earlier=earlier, encoder=sentences)
    if found.outcome in UNANSWERED:
        return _unanswered(lang, found)
    cited = _cited(found, signed)
    wording = None
    if profile.answers == "written" and found.outcome is Outcome.ANSWERED and cited:
        wording = _written(text, lang, cited, found.polarity, _Model(endpoint), earlier)
    return Answer(
        wording or worded(found, lang),
        lang,
        tuple(sentence.id for sentence in cited),
        False,
        outcome=found.outcome,
        polarity=found.polarity,
        quotes=found.quotes,
        sizes=found.sizes,
        kind=found.kind,
    )


def prepare(
    signed: SignedReport, sentences: SentenceEncoder | None, known: Known | None = None
) -> None:
    """Read a report before the first question on it (`asking.preparing`)."""
    preparing.prepare(source_of(signed, known or Known()), sentences)


def _cited(found: Finding, signed: SignedReport) -> tuple[Sentence, ...]:
    by_id = {sentence.id: sentence for sentence in asserted_report(signed).sentences}
    own = [q.part for q in found.quotes if not q.prior and q.part in by_id]
    return tuple(by_id[part] for part in dict.fromkeys(own))


def _unanswered(lang: Lang, found: Finding) -> Answer:
    """Return an answer that shows what is near; what is refused shows nothing."""
    return Answer(
        worded(found, lang),
        lang,
        (),
        True,
        tuple(quote.part for quote in found.related or found.nearest if not quote.prior),
        outcome=found.outcome,
        related=found.related,
        kind=found.kind,
    )


def _written(
    question: str,
    lang: Lang,
    cited: Sequence[Sentence],
    polarity: Polarity | None,
    model: _Model,
    earlier: Sequence[str],
) -> str | None:
    """Return the model's wording where the sentences bear it out; None to quote them instead."""
    letters = LETTERS[: len(cited)]
    data = json.dumps(
        {
            "sentences": dict(zip(letters, map(_both, cited), strict=False)),
            "earlier_questions": list(earlier),
            "question": question,
        },
        ensure_ascii=False,
    )
    system = str(_texts()["write"]).format(language=_texts()[lang]["language"])
    choice = {"type": "array", "items": {"type": "string", "enum": list(letters)}, "maxItems": 8}
    properties = {"sentences": choice, "answer": {"type": "string", "maxLength": ANSWER_CHARS}}
    reply = model.structured([("system", system), ("user", data)], properties, max_tokens=512)
    picked, wording = reply.get("sentences"), reply.get("answer")
    if not isinstance(picked, list) or not picked or not set(map(str, picked)) <= set(letters):
        return None
    chosen = [s for letter, s in zip(letters, cited, strict=False) if letter in picked]
    if not isinstance(wording, str) or not borne_out(wording, lang, chosen, polarity):
        log.warning("the model's answer was not borne out by what it cites; quoted instead")
        return None
    return wording.strip()


def _both(sentence: Sentence) -> str:
    return f"{sentence.zh} {sentence.en}".strip()


class _Model:
    """The language model behind vLLM, through LangChain, with a fixed output format."""

    def __init__(self, endpoint: Endpoint | None) -> None:
        self._endpoint = endpoint

    def structured(
        self, messages: list[tuple[str, str]], properties: dict[str, Any], *, max_tokens: int
    ) -> dict[str, Any]:
        """Return the model's JSON object; empty where it was cut off, is none, or no model answers:
        then the answer is quoted."""
        if self._endpoint is None:
            return _unworded("there is none")
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
            return _unworded("it cannot be reached")
        except openai.LengthFinishReasonError:
            return {}
        except openai.OpenAIError:
            return _unworded("it refused")
        except OutputParserException:
            return {}
        except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError):
            # Both libraries read an answer without checking it: one that is no chat completion
            # breaks them wherever it differs from one.
            return _unworded("its answer is no chat completion")
        return reply if isinstance(reply, dict) else {}


def _unworded(why: str) -> dict[str, Any]:
    log.warning("no model worded the answer (%s); quoted instead", why)
    return {}


@cache
def _texts() -> dict[str, Any]:
    import yaml

    path = files("radraft.llm").joinpath("followup.yaml")
    texts: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return texts
