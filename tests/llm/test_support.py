"""Image support: where a sentence's tokens stand, and what the image adds to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest

from radraft.core.errors import DraftingError
from radraft.llm.profiles import load_profile
from radraft.llm.server import Endpoint
from radraft.llm.support import Score, Scorer, SentenceSupport, report_text, with_support
from radraft.reports.values import Evidence, Origin, Report, Sentence, both
from tests.llm.cases import CASE_ID, make_request

PROFILE = load_profile("qwen3-vl-8b-instruct")
ENDPOINT = Endpoint("http://vllm.test", "key-1", "served-name")
DEMO = Path(__file__).parents[2] / "demo" / "studies"


def sentence(number: str, zh: str, en: str) -> Sentence:
    evidence = (Evidence("image-1", None), Evidence("image-2", None))
    return Sentence(number, both(zh, en, Origin.MODEL), evidence=evidence)


REPORT = Report(
    CASE_ID,
    (sentence("f1", "双肺清晰。", "Clear lungs."), sentence("f2", "心影不大。", 'Size "normal".')),
    (sentence("i1", "未见异常。", "Normal."),),
)
INFINITE = '{"prompt_logprobs": [{"5": {"logprob": -Infinity, "decoded_token": "x"}}]}'
Handler = Callable[[httpx.Request], httpx.Response]


def asked(handler: Handler, ask: Callable[[Scorer], Coroutine[Any, Any, Any]]) -> Any:
    async def run() -> Any:
        # As a connection gives it: piece by piece, not read beforehand.
        def streamed(request: httpx.Request) -> httpx.Response:
            whole = handler(request)
            return httpx.Response(whole.status_code, stream=httpx.ByteStream(whole.content))

        async with httpx.AsyncClient(transport=httpx.MockTransport(streamed)) as client:
            return await ask(Scorer(PROFILE, ENDPOINT, client, 60.0))

    return asyncio.run(run())


def positions(tokens: list[tuple[str, float]]) -> httpx.Response:
    """vLLM's answer for a prompt of these tokens; the first one has no probability."""
    found = [None] + [{"5": {"logprob": p, "rank": 1, "decoded_token": t}} for t, p in tokens]
    return httpx.Response(200, json={"prompt_logprobs": found, "choices": []})


def test_the_report_is_written_as_the_model_writes_it() -> None:
    text, spans = report_text(REPORT)
    assert json.loads(text) == {
        "findings": [
            {"zh": "双肺清晰。", "en": "Clear lungs."},
            {"zh": "心影不大。", "en": 'Size "normal".'},
        ],
        "impression": [{"zh": "未见异常。", "en": "Normal."}],
    }
    assert text == json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    assert [(text[a:b], text[c:d]) for (a, b), (c, d) in spans] == [
        ("双肺清晰。", "Clear lungs."),
        ("心影不大。", 'Size \\"normal\\".'),
        ("未见异常。", "Normal."),
    ]
    empty, none = report_text(Report(CASE_ID, (), ()))
    assert (empty, none) == ('{"findings":[],"impression":[]}', ())


def test_a_control_token_in_a_sentence_is_none_to_the_model() -> None:
    report = Report(CASE_ID, (sentence("1", "左侧积液<|im_end|>", "Effusion </s>"),), ())
    text, ((zh, en),) = report_text(report)
    assert (text[slice(*zh)], text[slice(*en)]) == ("左侧积液＜|im_end|>", "Effusion ＜/s>")


def test_the_request_is_the_drafts_own_with_the_answer_in_it() -> None:
    seen: list[dict[str, Any]] = []
    text, _ = report_text(REPORT)

    def handler(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/chat/completions"
        assert request.headers["authorization"] == "Bearer key-1"
        seen.append(json.loads(request.content))
        return positions([(text, -1.0)])

    request = make_request(PROFILE, images=2, adapter_id="site-a-1")
    asked(handler, lambda scorer: scorer.scores(REPORT, request))
    (body,) = seen
    assert body["model"] == "site-a-1"
    assert body["messages"][-1] == {"role": "assistant", "content": text}
    kinds = [part["type"] for part in body["messages"][-2]["content"]]
    assert kinds.count("image_url") == 2
    assert (body["prompt_logprobs"], body["max_tokens"]) == (0, 1)
    assert (body["add_generation_prompt"], body["continue_final_message"]) == (False, True)
    assert not {"stream", "stream_options", "response_format"} & set(body)


def test_a_token_counts_to_the_sentence_it_touches() -> None:
    text, _ = report_text(REPORT)
    # One token from the mark before the words to their second character, a character of three
    # bytes, and an end that closes the string too.
    head, tail = text.split("双肺清晰。")
    tokens = [("user: ", -50.0), (head[:-1], -9.0), ('"双肺', -1.0), ("", -0.5), ("", -0.25),
              ("清", -2.0), ("晰", -4.0), ('。"', -8.0), (tail[1:], -100.0)]  # fmt: skip
    scores = asked(
        lambda request: positions(tokens), lambda s: s.scores(REPORT, make_request(PROFILE))
    )
    assert scores[0][0] == Score(-15.75, 6)
    assert scores[0][1] == scores[1][0] == Score(-100.0, 1)
    assert Score(-15.75, 6).per_token == -2.625
    assert Score(0.0, 0).per_token == 0.0


def _by_character(request: httpx.Request) -> httpx.Response:
    """The image's size in nats below zero for every character."""
    body = json.loads(request.content)
    parts = [part for message in body["messages"][:-1] for part in message["content"]]
    nats = -sum(part["type"] == "image_url" for part in parts) / 4
    return positions([(char, nats) for char in body["messages"][-1]["content"]])


def test_support_is_the_difference_and_zero_for_the_same_images() -> None:
    two, one = make_request(PROFILE, images=2), make_request(PROFILE, images=1)
    same = asked(_by_character, lambda scorer: scorer.support(REPORT, two, two))
    assert all((found.zh.nats, found.en.nats, found.nats) == (0, 0, 0) for found in same)
    found = asked(_by_character, lambda scorer: scorer.support(REPORT, one, two))
    assert found[0] == SentenceSupport("f1", Score(1.25, 5), Score(3.0, 12))
    assert found[0].nats == 4.25
    assert [one.sentence_id for one in found] == ["f1", "f2", "i1"]


def test_evidence_is_filled_for_every_image_that_was_shown() -> None:
    two, one = make_request(PROFILE, images=2), make_request(PROFILE, images=1)
    made = asked(_by_character, lambda s: s.evidence(REPORT, {"image-1": one, "image-2": two}, two))
    assert [e.support for e in made.findings[0].evidence] == [4.25, 0.0]
    assert [e.image_id for e in made.impression[0].evidence] == ["image-1", "image-2"]
    assert made.findings[0].support == 4.25
    partly = with_support(REPORT, {("f1", "image-2"): 2.0})
    assert [e.support for e in partly.findings[0].evidence] == [None, 2.0]
    assert partly.impression == REPORT.impression


def _raises(error: Exception) -> Handler:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error

    return handler


@pytest.mark.parametrize(
    ("handler", "code"),
    [
        (lambda request: httpx.Response(400), "llm_refused"),
        (lambda request: httpx.Response(503), "llm_unreachable"),
        (_raises(httpx.ConnectError("down")), "llm_unreachable"),
        (_raises(httpx.ReadTimeout("slow")), "llm_timeout"),
        (lambda request: httpx.Response(200, text="<html>"), "llm_bad_format"),
        (lambda request: httpx.Response(200, json={}), "llm_bad_format"),
        (lambda request: positions([("another text", -1.0)]), "llm_bad_format"),
        (lambda request: httpx.Response(200, text=INFINITE), "llm_bad_format"),
    ],
)
def test_faults_have_their_codes(handler: Handler, code: str) -> None:
    def ask(scorer: Scorer) -> Coroutine[Any, Any, Any]:
        return scorer.scores(REPORT, make_request(PROFILE))

    with pytest.raises(DraftingError) as caught:
        asked(handler, ask)
    assert caught.value.code == code
