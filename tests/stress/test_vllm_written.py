"""`answers: written` through a real vLLM: a tiny model that learned what to say words the answer,
and what no sentence bears out is replaced by the quotation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from radraft.core.settings import Settings
from radraft.llm.endpoint import Endpoint
from radraft.llm.followup import Answer, ask
from radraft.llm.profiles import Profile
from radraft.llm.server import connect
from tests.llm.chat_server import chat_server
from tests.llm.followup_set import case, signed
from tests.llm.test_followup import ENCODER
from tests.llm.tiny_vlm import build_tiny_vlm

pytestmark = [pytest.mark.stress, pytest.mark.vllm, pytest.mark.timeout(1800)]
TRUE = "How big is the nodule?"
TRUE_ZH = "结节多大？"
FALSE = "What size is the nodule?"
WORDS = {
    TRUE: "The nodule measures 12 mm.",
    TRUE_ZH: "结节大小为 12 mm。",
    FALSE: "The nodule measures 21 mm.",
}
LOSS = 0.005
MOST_STEPS = 1500


def answer(question: str, profile: Profile, endpoint: Endpoint) -> Answer:
    report = signed(case("nodule").report)
    return ask(question, report, profile=profile, endpoint=endpoint, sentences=ENCODER)


def test_a_model_words_what_is_borne_out_and_nothing_else(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    profile = build_tiny_vlm(weights)
    with chat_server() as server:
        for question in WORDS:
            answer(question, profile, server.endpoint)
        asked = [request["messages"] for request in server.requests]
    teach(weights, dict(zip(WORDS, asked, strict=True)))

    with connect(Settings(data_dir=tmp_path / "data"), profile) as endpoint:
        found = {question: answer(question, profile, endpoint) for question in WORDS}
    with_none = answer(FALSE, profile, Endpoint("http://127.0.0.1:9", "k", "m"))
    for question in (TRUE, TRUE_ZH):
        assert found[question].answer == WORDS[question]
        assert "f1" in found[question].citations
    assert found[FALSE] == with_none
    assert "12 mm" in with_none.answer


def teach(weights: Path, asked: dict[str, list[dict[str, Any]]]) -> None:
    """Train the checkpoint until it answers each of these messages with its words."""
    import torch
    from transformers import AutoTokenizer, Qwen2VLForConditionalGeneration

    tokenizer = AutoTokenizer.from_pretrained(weights)
    model = Qwen2VLForConditionalGeneration.from_pretrained(weights)
    examples = []
    for question, messages in asked.items():
        parts = [
            {"role": one["role"], "content": [{"type": "text", "text": one["content"]}]}
            for one in messages
        ]
        prompt = tokenizer.apply_chat_template(parts, tokenize=False, add_generation_prompt=True)
        reply = {"sentences": ["A"], "answer": WORDS[question]}
        # vLLM lets no white space stand between the parts of an object.
        said = json.dumps(reply, ensure_ascii=False, separators=(",", ":"))
        before = tokenizer(prompt, add_special_tokens=False).input_ids
        target = tokenizer(said + "<|im_end|>", add_special_tokens=False).input_ids
        ids = torch.tensor([[*before, *target]])
        labels = ids.clone()
        labels[0, : len(before)] = -100
        examples.append((ids, labels))
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)
    for _ in range(MOST_STEPS):
        losses = [model(input_ids=ids, labels=labels).loss for ids, labels in examples]
        if max(one.item() for one in losses) < LOSS:
            break
        optimiser.zero_grad()
        torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    else:
        pytest.fail(f"it did not learn its words: {losses}")
    model.save_pretrained(weights)
