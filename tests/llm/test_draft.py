"""Drafting against a fake at the wire: what vLLM sends when it is well, and each way it is not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from radraft.llm.draft import draft, withheld
from radraft.llm.profiles import load_profile
from radraft.llm.server import Endpoint
from radraft.reports.draft import Draft, DraftedSentence, DraftEvent
from radraft.reports.skeleton import skeleton
from radraft.reports.values import Coverage, Origin, Section
from tests.llm.cases import CASE_ID, make_request

PROFILE = load_profile("qwen3-vl-8b-instruct")
ENDPOINT = Endpoint("http://vllm.test", "key-1", "served-name")
FIRST = {"zh": "双肺清晰。", "en": "Clear lungs."}
SECOND = {"zh": "心影不大。", "en": "Normal heart size."}
REPORT = {"findings": [FIRST, SECOND], "impression": [{"zh": "未见异常。", "en": "Normal."}]}

Handler = Callable[[httpx.Request], httpx.Response]


class Pieces(httpx.AsyncByteStream):
    """A streamed answer; an exception in `pieces` breaks the connection, an event is waited for."""

    def __init__(self, pieces: list[bytes | Exception | asyncio.Event]) -> None:
        self.pieces = pieces
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            else:
                yield piece

    async def aclose(self) -> None:
        self.closed = True


def event(value: dict[str, Any] | str) -> bytes:
    data = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"data: {data}\n\n".encode()


def delta(text: str, finish: str | None = None) -> bytes:
    return event({"choices": [{"delta": {"content": text}, "finish_reason": finish}]})


def answer(text: str, finish: str | None = "stop", step: int = 7) -> list[Any]:
    cut = [text[at : at + step] for at in range(0, len(text), step)]
    usage = {"prompt_tokens": 90, "completion_tokens": 40, "total_tokens": 130}
    return [
        event({"choices": [{"delta": {"role": "assistant", "content": ""}}]}),
        *map(delta, cut),
        *([delta("", finish)] if finish else []),
        event({"choices": [], "usage": usage}),
        event("[DONE]"),
    ]


def report_text(report: dict[str, Any]) -> str:
    return json.dumps(report, ensure_ascii=False, separators=(",", ":"))


def collect(handler: Handler, timeout_s: float = 60.0) -> list[DraftEvent]:
    async def run() -> list[DraftEvent]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
            events = draft(
                make_request(PROFILE),
                profile=PROFILE,
                endpoint=ENDPOINT,
                client=client,
                timeout_s=timeout_s,
            )
            return [each async for each in events]

    return asyncio.run(run())


def streaming(pieces: list[Any]) -> Handler:
    return lambda request: httpx.Response(200, stream=Pieces(pieces))


def only_draft(events: list[DraftEvent]) -> Draft:
    drafts = [each for each in events if isinstance(each, Draft)]
    assert len(drafts) == 1
    assert events[-1] is drafts[0]
    return drafts[0]


def test_sentences_come_first_then_the_draft() -> None:
    events = collect(streaming(answer(report_text(REPORT))))
    made = only_draft(events)
    sentences = [each for each in events if isinstance(each, DraftedSentence)]
    assert [(each.section, each.sentence.id) for each in sentences] == [
        (Section.FINDINGS, "f1"),
        (Section.FINDINGS, "f2"),
        (Section.IMPRESSION, "i1"),
    ]
    assert made.coverage is Coverage.DRAFTED
    assert made.error_code is None
    assert made.report.sentences == tuple(each.sentence for each in sentences)
    assert made.report.findings[1].zh == "心影不大。"
    assert {sentence.origin for sentence in made.report.sentences} == {Origin.MODEL}
    request = make_request(PROFILE)
    (evidence,) = made.report.findings[0].evidence
    assert (evidence.image_id, evidence.support) == (request.own_image_ids[0], None)
    assert made.request_sha == request.request_sha
    assert made.usage is not None
    assert (made.usage.prompt_tokens, made.usage.completion_tokens) == (90, 40)
    assert made.usage.first_sentence_s is not None
    assert 0 <= made.usage.first_sentence_s <= made.usage.seconds


def test_the_key_goes_in_the_header_and_nowhere_else() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, stream=Pieces(answer(report_text(REPORT))))

    collect(handler)
    assert seen[0].headers["authorization"] == "Bearer key-1"
    assert b"key-1" not in seen[0].content
    assert CASE_ID.encode() not in seen[0].content
    assert "key-1" not in repr(ENDPOINT)


def test_a_repeated_pair_is_dropped_within_its_section_only() -> None:
    report = {"findings": [FIRST, FIRST, SECOND, FIRST], "impression": [FIRST]}
    made = only_draft(collect(streaming(answer(report_text(report)))))
    assert [sentence.id for sentence in made.report.sentences] == ["f1", "f2", "i1"]
    assert made.report.findings[1].en == SECOND["en"]
    assert made.coverage is Coverage.DRAFTED


HALF = report_text(REPORT)[:90]


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        (answer(HALF, finish=None)[:-2], "llm_cut_off"),
        ([*answer(HALF, finish=None)[:-2], httpx.RemoteProtocolError("gone")], "llm_cut_off"),
        ([*answer(HALF, finish=None)[:-2], httpx.ReadError("gone")], "llm_cut_off"),
        (answer(HALF, finish="length"), "llm_cut_off"),
        (
            [*answer(HALF)[:4], event({"error": {"message": "died"}}), event("[DONE]")],
            "llm_cut_off",
        ),
        (answer(report_text(REPORT), finish=None), "llm_cut_off"),
        (answer(HALF), "llm_bad_format"),
        (answer("I cannot help with that."), "llm_bad_format"),
        (answer(report_text({"findings": []})), "llm_bad_format"),
        ([event("{not json")], "llm_bad_format"),
        ([event({"choices": "x"})], "llm_bad_format"),
        ([event("[]")], "llm_bad_format"),
        ([b""], "llm_cut_off"),
    ],
)
def test_what_breaks_off_or_is_no_report_is_not_a_draft(pieces: list[Any], code: str) -> None:
    made = only_draft(collect(streaming(pieces)))
    assert made.error_code == code
    assert made.coverage is Coverage.FAILED
    assert made.report == skeleton(CASE_ID)


def test_sentences_before_the_break_were_streamed_but_are_no_draft() -> None:
    events = collect(streaming(answer(HALF, finish=None)[:-2]))
    assert [type(each) for each in events] == [DraftedSentence, DraftedSentence, Draft]
    assert only_draft(events).report.sentences == ()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, "llm_unreachable"),
        (503, "llm_unreachable"),
        (401, "llm_refused"),
        (404, "llm_refused"),
        (400, "llm_refused"),
    ],
)
def test_error_statuses(status: int, code: str) -> None:
    assert only_draft(collect(lambda request: httpx.Response(status))).error_code == code


def test_a_server_that_is_down() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    made = only_draft(collect(handler))
    assert made.error_code == "llm_unreachable"
    assert made.request_sha == make_request(PROFILE).request_sha


def test_a_server_that_stalls_is_given_up_and_its_stream_closed() -> None:
    pieces = Pieces([*answer(HALF)[:3], asyncio.Event()])
    events = collect(lambda request: httpx.Response(200, stream=pieces), timeout_s=0.05)
    assert only_draft(events).error_code == "llm_timeout"
    assert pieces.closed


def test_a_server_that_never_answers_is_given_up() -> None:
    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

    async def run() -> list[DraftEvent]:
        async with httpx.AsyncClient(transport=Silent()) as client:
            events = draft(
                make_request(PROFILE),
                profile=PROFILE,
                endpoint=ENDPOINT,
                client=client,
                timeout_s=0.05,
            )
            return [each async for each in events]

    assert only_draft(asyncio.run(run())).error_code == "llm_timeout"


def test_leaving_early_closes_the_stream() -> None:
    pieces = Pieces([*answer(report_text(REPORT))[:20], asyncio.Event()])

    async def run() -> None:
        transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=pieces))
        async with httpx.AsyncClient(transport=transport) as client:
            events = draft(
                make_request(PROFILE),
                profile=PROFILE,
                endpoint=ENDPOINT,
                client=client,
                timeout_s=60,
            )
            assert isinstance(await anext(events), DraftedSentence)
            await events.aclose()
            assert pieces.closed

    asyncio.run(run())


def test_a_study_outside_the_profile() -> None:
    made = withheld("c-1", PROFILE, "study_not_covered")
    assert made.coverage is Coverage.NOT_COVERED
    assert made.report == skeleton("c-1")
    assert made.error_code == "study_not_covered"
    assert made.request_sha is None


def test_events_are_read_whole_wherever_the_connection_cuts_them() -> None:
    whole = b"".join(answer(report_text(REPORT)))
    expected = only_draft(collect(streaming([whole]))).report
    assert expected.findings
    for size in (1, 2, 3, 7, 64):
        cut: list[Any] = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert only_draft(collect(streaming(cut))).report == expected
    windows = whole.replace(b"\n", b"\r\n")
    assert only_draft(collect(streaming([windows]))).report == expected


def test_a_models_invisible_characters_are_dropped_and_turned_writing_is_no_draft() -> None:
    zh, en = "双\u200b肺清晰。\ufeff", "The lungs\u2060 are clear."
    pair = {"zh": zh, "en": en}
    text = report_text({"findings": [pair], "impression": [pair]})
    draft = only_draft(collect(streaming(answer(text))))
    assert draft.coverage is Coverage.DRAFTED
    assert {(s.zh, s.en) for s in draft.report.sentences} == {
        ("双肺清晰。", "The lungs are clear.")
    }
    pair["en"] += "\u202e"
    turned = report_text({"findings": [pair], "impression": [pair]})
    assert only_draft(collect(streaming(answer(turned)))).error_code == "llm_bad_format"


@pytest.mark.parametrize(
    "odd",
    [
        b"data: " + b"[" * 100_000 + b"\n\n",
        event({"choices": [{"delta": {"content": 7}}]}),
        event({"choices": [{"delta": {"content": ["x"]}}]}),
        event({"choices": 7}),
        b"data: " + b"x" * (2**20 + 1),
    ],
    ids=["deep", "a number", "a list", "no choices", "without end"],
)
def test_an_event_that_is_none_ends_the_draft_with_its_code(odd: bytes) -> None:
    assert only_draft(collect(streaming([odd]))).error_code == "llm_bad_format"


def test_an_answer_that_is_waited_for_is_read_whole() -> None:
    whole = b"".join(answer(report_text(REPORT)))
    expected = only_draft(collect(streaming([whole]))).report

    def bursts(request: httpx.Request) -> httpx.Response:
        pieces: list[Any] = []
        for number, start in enumerate(range(0, len(whole), 400)):
            come = asyncio.Event()
            asyncio.get_running_loop().call_later(0.005 * number, come.set)
            pieces += [come, whole[start : start + 400]]
        return httpx.Response(200, stream=Pieces(pieces))

    assert only_draft(collect(bursts)).report == expected
