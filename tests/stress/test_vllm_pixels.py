"""The `pixels` way through a real vLLM: a native vision-language architecture, random weights."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from radraft.core.settings import Settings
from radraft.llm.draft import draft
from radraft.llm.server import connect
from radraft.reports.draft import Draft, DraftEvent
from radraft.reports.values import Coverage
from tests.llm.cases import make_request
from tests.llm.tiny_vlm import build_tiny_vlm

pytestmark = [pytest.mark.stress, pytest.mark.vllm, pytest.mark.timeout(1800)]


def test_a_native_vision_language_model_drafts_from_pixels(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    profile = build_tiny_vlm(weights)

    async def run() -> list[list[DraftEvent]]:
        async with httpx.AsyncClient(trust_env=False) as client:
            made = []
            for images in (1, 2):
                events = draft(
                    make_request(profile, images=images),
                    profile=profile,
                    endpoint=endpoint,
                    client=client,
                    timeout_s=600,
                )
                made.append([each async for each in events])
            return made

    with connect(Settings(data_dir=tmp_path / "data"), profile) as endpoint:
        drafts = [events[-1] for events in asyncio.run(run())]
    usages = []
    for made in drafts:
        assert isinstance(made, Draft)
        assert (made.coverage, made.error_code) == (Coverage.DRAFTED, None)
        assert made.report.findings
        assert made.report.impression
        assert made.usage is not None
        usages.append(made.usage.prompt_tokens)
    # A 56-pixel image is 4 x 4 patches, merged by 2 x 2, between two markers.
    assert usages[1] - usages[0] == 2 * 2 + 2
