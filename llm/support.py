"""Image support: how much likelier a drafted sentence is with the image than with a blank one."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx

from radraft.core.control_tokens import inert
from radraft.core.errors import DraftingError
from radraft.llm.profiles import Profile
from radraft.llm.question import ask
from radraft.llm.server import Endpoint
from radraft.llm.wire import chat_body
from radraft.prompts.values import DraftRequest
from radraft.reports.values import Report, Section, Sentence

SCORED_AT_ONCE = 2
"""Reports. vLLM holds the logits of a whole prompt while it scores one: half a gigabyte for 500
tokens of Gemma's 262,144 words."""


SCORES_BYTES = 64 * 2**20
"""Largest answer: some hundred bytes for each token of the longest prompt."""


@dataclass(frozen=True)
class Score:
    """A piece of text under the model. A sum of these, or a difference, is one too."""

    nats: float
    """Natural logarithm of the probability, or a difference of two."""
    tokens: int

    @property
    def per_token(self) -> float:
        """Nats a token; 0 for no token."""
        return self.nats / self.tokens if self.tokens else 0.0


@dataclass(frozen=True)
class SentenceSupport:
    """Image support of one sentence in both languages, in nats: positive where the image makes the
    sentence likelier."""

    sentence_id: str
    zh: Score
    en: Score

    @property
    def nats(self) -> float:
        """Of the pair: the sum over both languages, which are one statement."""
        return self.zh.nats + self.en.nats


@dataclass(frozen=True)
class Scorer:
    """A served model that reads instead of writing."""

    profile: Profile
    endpoint: Endpoint
    client: httpx.AsyncClient
    timeout_s: float

    async def support(
        self, report: Report, request: DraftRequest, without: DraftRequest
    ) -> tuple[SentenceSupport, ...]:
        """Return of each sentence of `report` log p(sentence | `request`, what stands before it)
        minus the same given `without`, whose images are blank.

        One pass of vLLM over the whole report for each request. DraftingError as `scores`.
        """
        real, blank = await asyncio.gather(
            self.scores(report, request), self.scores(report, without)
        )
        return tuple(
            SentenceSupport(sentence.id, _minus(a[0], b[0]), _minus(a[1], b[1]))
            for sentence, a, b in zip(report.sentences, real, blank, strict=True)
        )

    async def evidence(
        self, report: Report, shown: Mapping[str, DraftRequest], without: DraftRequest
    ) -> Report:
        """Return `report` with `Evidence.support` of every image in `shown`.

        `shown` maps an image's id to the request in which that image alone is not blank; in
        `without` all are.

        Two images that show the same thing both support a sentence about it: neither would, were
        each blanked in turn while the other still shows it. DraftingError as `scores`.
        """
        blank, *alone = await asyncio.gather(
            self.scores(report, without),
            *(self.scores(report, request) for request in shown.values()),
        )
        nats: dict[tuple[str, str], float] = {}
        for image_id, scores in zip(shown, alone, strict=True):
            for sentence, a, b in zip(report.sentences, scores, blank, strict=True):
                nats[sentence.id, image_id] = sum(
                    _minus(x, y).nats for x, y in zip(a, b, strict=True)
                )
        return with_support(report, nats)

    async def scores(
        self, report: Report, request: DraftRequest
    ) -> tuple[tuple[Score, Score], ...]:
        """Return (zh, en) of each sentence of `report`, given `request` and all that stands before
        it.

        The model's own probabilities, without the grammar that bounds writing, of the text as its
        tokenizer splits it; a repeated pair that drafting dropped is not in it. DraftingError
        `llm_unreachable`, `llm_timeout`, `llm_refused` (also: too long for the model's context),
        `llm_bad_format`, and as `wire.chat_body`.
        """
        text, spans = report_text(report)
        body = await asyncio.to_thread(self._body, request, text)
        answer = await self._post(body)
        try:
            tokens = [_token(position) for position in answer["prompt_logprobs"]]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise DraftingError("llm_bad_format") from None
        return _split(tokens, text, spans)

    def _body(self, request: DraftRequest, text: str) -> bytes:
        """Return the very body that drafts `request`, with the answer already in it."""
        body = json.loads(chat_body(request, self.profile, self.endpoint.model))
        for key in ("stream", "stream_options", "response_format"):
            body.pop(key)
        body["messages"].append({"role": "assistant", "content": text})
        body |= {
            "add_generation_prompt": False,
            "continue_final_message": True,
            "max_tokens": 1,
            # The token that stands there and no other ones.
            "prompt_logprobs": 0,
        }
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8")

    async def _post(self, body: bytes) -> Any:
        try:
            answer = await ask(
                self.client,
                "POST",
                f"{self.endpoint.url}/v1/chat/completions",
                key=self.endpoint.key,
                patience_s=self.timeout_s,
                body=body,
                most=SCORES_BYTES,
            )
            if not answer.good:
                refused = answer.status < httpx.codes.INTERNAL_SERVER_ERROR
                raise DraftingError("llm_refused" if refused else "llm_unreachable")
            return answer.json()
        except DraftingError as error:
            # In a draft's words.
            drafts = {"llm_no_answer": "llm_timeout", "llm_bad_answer": "llm_bad_format"}
            raise DraftingError(drafts.get(error.code, error.code)) from None


def with_support(report: Report, nats: Mapping[tuple[str, str], float]) -> Report:
    """`report` with support set where `nats` has (sentence id, image id); the rest stays."""

    def measured(sentence: Sentence) -> Sentence:
        return replace(
            sentence,
            evidence=tuple(
                replace(
                    evidence,
                    support=nats.get((sentence.id, evidence.image_id), evidence.support),
                )
                for evidence in sentence.evidence
            ),
        )

    return replace(
        report,
        findings=tuple(map(measured, report.findings)),
        impression=tuple(map(measured, report.impression)),
    )


Span = tuple[int, int]


def report_text(report: Report) -> tuple[str, tuple[tuple[Span, Span], ...]]:
    """Return the report as the model writes it (JSON without white space), and where in it the (zh,
    en) words of each sentence stand."""
    text = "{"
    spans = []
    sections = {Section.FINDINGS: report.findings, Section.IMPRESSION: report.impression}
    for section, sentences in sections.items():
        text += ("," if section is Section.IMPRESSION else "") + f'"{section.value}":['
        for number, sentence in enumerate(sentences):
            text += ("," if number else "") + '{"zh":"'
            zh = (len(text), len(text) + len(_escaped(sentence.zh)))
            text += _escaped(sentence.zh) + '","en":"'
            en = (len(text), len(text) + len(_escaped(sentence.en)))
            text += _escaped(sentence.en) + '"}'
            spans.append((zh, en))
        text += "]"
    return text + "}", tuple(spans)


def _escaped(text: str) -> str:
    return json.dumps(inert(text), ensure_ascii=False)[1:-1]


def _token(position: dict[str, Any] | None) -> tuple[str, float]:
    """Return (text, nats) of one position of vLLM's `prompt_logprobs`. The very first token of a
    prompt has none."""
    if position is None:
        return "", 0.0
    (found,) = position.values()
    nats = float(found["logprob"])
    if not math.isfinite(nats):
        raise ValueError
    return str(found["decoded_token"]), nats


def _split(
    tokens: Sequence[tuple[str, float]], text: str, spans: Sequence[tuple[Span, Span]]
) -> tuple[tuple[Score, Score], ...]:
    """Return the scores of the (zh, en) words of each sentence.

    A token counts to the words it overlaps, also where it holds a mark of JSON's too.

    vLLM gives a character's last byte the whole character and its other bytes an empty text.
    """
    joined = "".join(token for token, _ in tokens)
    at = joined.rfind(text)
    if at < 0:
        raise DraftingError("llm_bad_format")
    placed = []
    here = -at
    for token, nats in tokens:
        placed.append((here, here + len(token), nats))
        here += len(token)

    def score(span: Span) -> Score:
        start, end = span
        own = [
            nats
            for first, last, nats in placed
            if (first < end and last > start) or (first == last and start <= first < end)
        ]
        return Score(math.fsum(own), len(own))

    return tuple((score(zh), score(en)) for zh, en in spans)


def _minus(a: Score, b: Score) -> Score:
    return Score(a.nats - b.nats, a.tokens)
