"""Questions on signed reports, with the starter on a real vLLM."""

from __future__ import annotations

import pytest

from radraft.llm.endpoint import Endpoint
from radraft.llm.followup import ask
from radraft.llm.sentences import SentenceEncoder
from tests.llm.followup_set import signed
from tests.llm.test_followup import QUOTED, two_effusions

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]


def test_beside_the_real_starter_sentences_are_quoted(starter_endpoint: Endpoint) -> None:
    sentences = SentenceEncoder.load()
    for question, lead in (
        ("Is there a pleural effusion?", "Yes. The report says: "),
        ("有胸腔积液吗？", "是。报告中写道："),
    ):
        found = ask(
            question,
            signed(two_effusions()),
            profile=QUOTED,
            endpoint=starter_endpoint,
            sentences=sentences,
        )
        assert sorted(found.citations) == ["a", "b"] and found.answer.startswith(lead)


def test_real_constrained_json_comes_back_through_langchain(starter_endpoint: Endpoint) -> None:
    from radraft.llm.followup import _Model

    choice = {"type": "string", "enum": ["A", "B", "C"]}
    reply = _Model(starter_endpoint).structured(
        [("user", "Say one letter.")], {"sentence": choice}, max_tokens=16
    )
    assert set(reply) == {"sentence"} and reply["sentence"] in {"A", "B", "C"}
