"""The starter on a real vLLM: drafting, adapters, a second process."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from radraft.core.settings import Settings
from radraft.llm.checkpoint import TOKENS_PER_IMAGE, WIDTH
from radraft.llm.draft import draft
from radraft.llm.profiles import Bounds, Profile
from radraft.llm.server import Endpoint, ManagedServer
from radraft.llm.wire import report_schema
from radraft.prompts.values import DraftRequest
from radraft.reports.draft import Draft, DraftedSentence, DraftEvent
from radraft.reports.values import Coverage
from tests.llm.cases import make_request

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]


@pytest.fixture
def short_profile(starter_profile: Profile) -> Profile:
    """The starter, writing short reports: on random embeddings it would fill the longest."""
    short = Bounds(findings=2, impression=1, zh_chars=20, en_chars=40)
    return starter_profile.model_copy(update={"bounds": short})


def run(
    requests: Sequence[DraftRequest], profile: Profile, endpoint: Endpoint
) -> list[list[DraftEvent]]:
    async def one(client: httpx.AsyncClient, request: DraftRequest) -> list[DraftEvent]:
        events = draft(
            request,
            profile=profile,
            endpoint=endpoint,
            client=client,
            timeout_s=900,
        )
        return [each async for each in events]

    async def all_of_them() -> list[list[DraftEvent]]:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await asyncio.gather(*(one(client, request) for request in requests))

    return asyncio.run(all_of_them())


def result(events: list[DraftEvent]) -> Draft:
    last = events[-1]
    assert isinstance(last, Draft)
    return last


@pytest.mark.always
def test_drafts_valid_reports_from_embeddings_several_at_once(
    starter_endpoint: Endpoint, short_profile: Profile
) -> None:
    one = make_request(short_profile, images=1)
    two = make_request(short_profile, images=2)
    first, second = run([one, two], short_profile, starter_endpoint)
    schema = report_schema(short_profile.bounds)["properties"]
    pair = schema["findings"]["items"]["properties"]
    for events in (first, second):
        made = result(events)
        assert (made.coverage, made.error_code) == (Coverage.DRAFTED, None)
        assert made.model_id == short_profile.model_id
        streamed = [each.sentence for each in events if isinstance(each, DraftedSentence)]
        assert tuple(streamed) == made.report.sentences
        assert 1 <= len(made.report.findings) <= short_profile.bounds.findings
        assert 1 <= len(made.report.impression) <= short_profile.bounds.impression
        for sentence in made.report.sentences:
            assert re.fullmatch(pair["zh"]["pattern"], sentence.zh)
            assert re.fullmatch(pair["en"]["pattern"], sentence.en)
        assert made.usage is not None
        assert made.usage.first_sentence_s is not None
        assert made.usage.first_sentence_s < made.usage.seconds
    usages = result(first).usage, result(second).usage
    assert usages[0] is not None
    assert usages[1] is not None
    assert usages[1].prompt_tokens - usages[0].prompt_tokens == TOKENS_PER_IMAGE


def save_adapter(folder: Path) -> None:
    """A random rank-4 LoRA over the query projections, in peft's files."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir()
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": 4,
        "lora_alpha": 64,
        "target_modules": ["q_proj"],
        "bias": "none",
        "base_model_name_or_path": "starter",
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    generator = torch.Generator().manual_seed(3)
    tensors = {}
    for layer in range(18):
        name = f"base_model.model.model.language_model.layers.{layer}.self_attn.q_proj"
        tensors[f"{name}.lora_A.weight"] = torch.randn(4, WIDTH, generator=generator)
        tensors[f"{name}.lora_B.weight"] = torch.randn(1024, 4, generator=generator)
    save_file(tensors, folder / "adapter_model.safetensors")


def test_an_adapter_loaded_at_run_time_is_asked_for_by_its_id(
    starter_endpoint: Endpoint, short_profile: Profile, tmp_path: Path
) -> None:
    save_adapter(tmp_path / "adapter")
    call = {"lora_name": "site-a-1", "lora_path": str(tmp_path / "adapter")}
    with httpx.Client(
        base_url=starter_endpoint.url,
        headers={"authorization": f"Bearer {starter_endpoint.key}"},
        trust_env=False,
        timeout=300,
    ) as client:
        client.post("/v1/load_lora_adapter", json=call).raise_for_status()
        try:
            plain, tuned, unknown = run(
                [
                    make_request(short_profile),
                    make_request(short_profile, adapter_id="site-a-1"),
                    make_request(short_profile, adapter_id="no-such-adapter"),
                ],
                short_profile,
                starter_endpoint,
            )
        finally:
            client.post("/v1/unload_lora_adapter", json={"lora_name": "site-a-1"})
    assert result(tuned).error_code is None
    assert result(tuned).adapter_id == "site-a-1"
    assert result(tuned).report != result(plain).report
    assert result(unknown).error_code == "llm_refused"


def test_the_key_is_demanded_and_requests_are_not_logged(
    starter_endpoint: Endpoint,
    short_profile: Profile,
    vllm_settings: Settings,
) -> None:
    wrong = Endpoint(starter_endpoint.url, "wrong", starter_endpoint.model)
    request = make_request(short_profile)
    (refused,) = run([request], short_profile, wrong)
    assert result(refused).error_code == "llm_refused"
    run([request], short_profile, starter_endpoint)
    log = (vllm_settings.data_dir / "logs" / "vllm.log").read_text(encoding="utf-8")
    assert "影像报告" in str(request.messages) and "影像报告" not in log
    assert starter_endpoint.key not in log


def test_a_second_process_uses_the_running_server(
    starter_server: ManagedServer, vllm_settings: Settings
) -> None:
    code = (
        "import sys; from radraft.core.settings import Settings;"
        "from radraft.llm.server import connect;"
        "from radraft.llm.profiles import load_profile;\n"
        "settings = Settings(data_dir=sys.argv[1], cache_dir=sys.argv[2])\n"
        "with connect(settings, load_profile('starter')) as endpoint: print(endpoint.url)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, vllm_settings.data_dir, vllm_settings.cache_dir],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == starter_server.endpoint.url
    assert starter_server.alive()
