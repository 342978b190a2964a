"""Step of the line: `DraftRequest` -> `Draft`, streamed sentence by sentence."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import httpx

from radraft.core.errors import DraftingError, RadraftError
from radraft.llm.profiles import Profile
from radraft.llm.server import Endpoint
from radraft.llm.stream import BadFormat, Pair, ReportReader
from radraft.llm.wire import chat_body
from radraft.prompts.values import DraftRequest
from radraft.reports.characters import refused, without_zero_width
from radraft.reports.draft import Draft, DraftedSentence, DraftEvent, Usage
from radraft.reports.skeleton import skeleton
from radraft.reports.values import Coverage, Evidence, Origin, Report, Section, Sentence, both

log = logging.getLogger("radraft.llm")

GATHER_S = 0.1
"""Seconds between two readings of an answer; a sentence is seen that much later at most."""
AT_ONCE_S = 0.001
"""A piece that takes no longer than this was there already."""
EVENT_BYTES = 2**20
"""Longest event: one holds some tokens of a report."""


async def draft(
    request: DraftRequest,
    *,
    profile: Profile,
    endpoint: Endpoint,
    client: httpx.AsyncClient,
    timeout_s: float,
) -> AsyncGenerator[DraftEvent, None]:
    """Draft one report: a `DraftedSentence` as soon as each pair is whole, then exactly one
    `Draft`.

    A fault of vLLM's ends in a `Draft` with coverage `failed`, the empty skeleton and one of the
    codes `llm_unreachable`, `llm_refused`, `llm_timeout` (after `timeout_s` seconds),
    `llm_cut_off`, `llm_bad_format` and `llm_other_model` (the answer names another model than was
    asked, or none where it comes from one of several vLLMs); the sentences streamed before it are
    not a draft. Closing the iterator early makes vLLM stop writing. Raises DraftingError only for a
    request that does not fit the profile (`wire.chat_body`).

    A pair that repeats one of its own section word for word is dropped: it says nothing new, and a
    model that repeats itself would fill the section with it. How many were dropped is logged.
    """
    body = await asyncio.to_thread(chat_body, request, profile, endpoint.model)
    writing = _Writing(request, request.adapter_id or endpoint.model)
    deadline = asyncio.get_running_loop().time() + timeout_s
    try:
        async with aclosing(_pieces(client, endpoint, body, writing, deadline)) as pieces:
            async for piece in pieces:
                for section, pair in writing.reader.feed(piece):
                    sentence = writing.add(section, pair)
                    if sentence is not None:
                        yield DraftedSentence(request.case_id, section, sentence)
        writing.reader.finish()
        error = None
    except BadFormat:
        error = "llm_bad_format"
    except DraftingError as fault:
        error = fault.code
    yield writing.result(profile, error)


def withheld(case_id: str, profile: Profile, code: str) -> Draft:
    """Return the `Draft` of a study that no model is asked about, with the message code of why: it
    is not covered, or its images are too poor."""
    return _empty(case_id, profile, Coverage.NOT_COVERED, code)


def failed(case_id: str, profile: Profile, error: RadraftError) -> Draft:
    """Return the `Draft` of a study that no request could be made for, with why."""
    return _empty(case_id, profile, Coverage.FAILED, error.code, error.details)


def broken(case_id: str, profile: Profile) -> Draft:
    """Return the `Draft` of a study whose drafting failed in a way that has no code."""
    return _empty(case_id, profile, Coverage.FAILED, "draft_broken")


def _empty(
    case_id: str,
    profile: Profile,
    coverage: Coverage,
    code: str,
    details: Mapping[str, str | int | float] = MappingProxyType({}),
) -> Draft:
    return Draft(
        case_id=case_id,
        report=skeleton(case_id),
        coverage=coverage,
        model_id=profile.model_id,
        adapter_id=None,
        request_sha=None,
        usage=None,
        error_code=code,
        error_details=dict(details),
    )


@dataclass
class _Writing:
    """One draft while it is being written."""

    request: DraftRequest
    model: str
    """Whom vLLM was asked for."""
    named: bool = False
    """Whether the answer says that it is of that model."""
    reader: ReportReader = field(default_factory=ReportReader)
    sections: dict[Section, list[Sentence]] = field(
        default_factory=lambda: {section: [] for section in Section}
    )
    repeated: int = 0
    started: float = field(default_factory=time.monotonic)
    first_sentence_s: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def add(self, section: Section, pair: Pair) -> Sentence | None:
        """Return the pair as a sentence with its id; None when its section says just this already.

        BadFormat for a character that turns the direction of writing, or that is none.
        """
        zh, en = without_zero_width(pair.zh), without_zero_width(pair.en)
        if any(refused(zh + en)):
            raise BadFormat
        written = self.sections[section]
        if any((old.zh, old.en) == (zh, en) for old in written):
            self.repeated += 1
            return None
        sentence = Sentence(
            id=f"{section.value[0]}{len(written) + 1}",
            wordings=both(zh, en, Origin.MODEL),
            evidence=tuple(Evidence(image_id, None) for image_id in self.request.own_image_ids),
        )
        written.append(sentence)
        if self.first_sentence_s is None:
            self.first_sentence_s = time.monotonic() - self.started
        return sentence

    def result(self, profile: Profile, error: str | None) -> Draft:
        case_id = self.request.case_id
        report = Report(
            case_id,
            tuple(self.sections[Section.FINDINGS]),
            tuple(self.sections[Section.IMPRESSION]),
        )
        seconds = time.monotonic() - self.started
        log.info(
            "draft %s: %s, %d tokens in %.1f s, %d sentences, %d repeated ones dropped",
            case_id,
            error or "done",
            self.completion_tokens,
            seconds,
            len(report.sentences),
            self.repeated,
        )
        return Draft(
            case_id=case_id,
            report=skeleton(case_id) if error else report,
            coverage=Coverage.FAILED if error else Coverage.DRAFTED,
            model_id=profile.model_id,
            adapter_id=self.request.adapter_id,
            request_sha=self.request.request_sha,
            usage=Usage(self.prompt_tokens, self.completion_tokens, seconds, self.first_sentence_s),
            error_code=error,
        )


async def _pieces(
    client: httpx.AsyncClient, endpoint: Endpoint, body: bytes, writing: _Writing, deadline: float
) -> AsyncGenerator[str, None]:
    """Yield pieces of the answer's text. Raises DraftingError with the codes `draft` names."""
    call = client.build_request(
        "POST",
        f"{endpoint.url}/v1/chat/completions",
        content=body,
        headers=endpoint.headers
        | {"content-type": "application/json", "accept-encoding": "identity"},
        # The deadline below is the only clock: it covers the whole draft, not the gaps.
        timeout=None,
    )
    try:
        async with asyncio.timeout_at(deadline):
            response = await client.send(call, stream=True)
    except (TimeoutError, httpx.TimeoutException):
        raise DraftingError("llm_timeout") from None
    except httpx.RequestError:
        raise DraftingError("llm_unreachable") from None
    try:
        if response.status_code != httpx.codes.OK:
            refused = response.status_code < httpx.codes.INTERNAL_SERVER_ERROR
            log.warning("vLLM answered %d", response.status_code)
            raise DraftingError("llm_refused" if refused else "llm_unreachable")
        must_name = endpoint.replicas is not None
        async with aclosing(_events(response, writing, deadline, must_name)) as pieces:
            async for piece in pieces:
                yield piece
    finally:
        await response.aclose()


async def _events(
    response: httpx.Response, writing: _Writing, deadline: float, must_name: bool
) -> AsyncGenerator[str, None]:
    """Yield the text in the server-sent events, until the answer ended of itself.

    vLLM sends an event a token, some hundred a second at sixteen drafts at once, and each waking
    here takes a core from its own threads. So what comes is left to gather for `GATHER_S` whenever
    it had to be waited for, but for the report's last section: nobody waits longer for its end.
    """
    pieces, clock = response.aiter_raw(), asyncio.get_running_loop().time
    events, finish, ended = _EventLines(), None, False
    while not ended:
        asked = clock()
        try:
            async with asyncio.timeout_at(deadline):
                piece = await anext(pieces, None)
        except (TimeoutError, httpx.TimeoutException):
            raise DraftingError("llm_timeout") from None
        except httpx.RequestError:
            raise DraftingError("llm_cut_off") from None
        if piece is None:
            break
        waited = clock() - asked > AT_ONCE_S
        for data in events.feed(piece):
            if data == b"[DONE]":
                ended = True
                break
            text, reason = _event(data, writing)
            if text and must_name and not writing.named:
                raise DraftingError("llm_other_model")
            finish = reason or finish
            if text:
                yield text
        if waited and not ended and not writing.reader.in_last_section:
            await asyncio.sleep(min(GATHER_S, max(0.0, deadline - clock())))
    if not ended or finish != "stop":
        raise DraftingError("llm_cut_off")


class _EventLines:
    """Cuts a stream of server-sent events, each one line of data, out of pieces of any size."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the data of the events that `piece` completes. Raises BadFormat for one too long
        to be one."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > EVENT_BYTES:
            raise BadFormat
        return [
            line.removeprefix(b"data: ").rstrip(b"\r")
            for line in lines
            if line.startswith(b"data: ")
        ]


def _event(data: bytes, writing: _Writing) -> tuple[str, str | None]:
    """Return (text, finish reason) of one event; its token counts go to `writing`."""
    try:
        event: dict[str, Any] = json.loads(data)
        if "error" in event:
            raise DraftingError("llm_cut_off")
        if (told := event.get("model")) is not None:
            if told != writing.model:
                raise DraftingError("llm_other_model")
            writing.named = True
        if usage := event.get("usage"):
            writing.prompt_tokens = int(usage["prompt_tokens"])
            writing.completion_tokens = int(usage["completion_tokens"])
        if not event["choices"]:
            return "", None
        choice = event["choices"][0]
        text = choice["delta"].get("content") or ""
        if not isinstance(text, str):
            raise BadFormat
        return text, choice.get("finish_reason")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise BadFormat from None
