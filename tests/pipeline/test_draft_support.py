"""Image support in the line: measured after the last sentence, and never in a draft's way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from radraft.llm.profiles import Profile, Support, load_profile
from radraft.llm.support import SCORED_AT_ONCE
from radraft.pipeline import adapter_router, draft as draft_steps
from radraft.pipeline.adapter_router import Router
from radraft.reports.checks.run import proofread
from radraft.reports.draft import Draft, DraftProgress
from radraft.reports.values import Coverage
from radraft.store import cases, drafts, images
from radraft.store.database import Store
from radraft.studies.key_images import image_id
from radraft.studies.values import KeyImage, KeyImages
from tests.builders import add_case
from tests.eval.looks.looking_model import WORDS, LookingModel, looking_model

pytestmark = pytest.mark.slow

PROFILE = load_profile("qwen3-vl-8b-instruct")
LEAST = PROFILE.model_copy(update={"support": Support(least=20.0, auroc_low=0.7)})
ADAPTERS = Path("nothing-serves")
DEMO = Path(__file__).parents[2] / "demo" / "studies"
LETTERS = float(sum(map(len, WORDS["left"])))
"""The looking model gives each character 1 nat more with its side in sight than with a blank."""


@pytest.fixture
def server() -> Iterator[LookingModel]:
    with looking_model() as served:
        yield served


def picture(number: int) -> KeyImage:
    """Bright on the patient's left; every `number` another picture."""
    values = np.full((32, 48), 20 + number, dtype=np.int16)
    values[:, 24:] = 220
    pixels = values.astype(np.uint8)
    return KeyImage(image_id(pixels), pixels, values, f"i-{number}", 0, (128.0, 256.0), 1.0)


def taken_in(store: Store, count: int = 1) -> str:
    with store.begin() as session:
        case_id = add_case(session)
        chosen = KeyImages(case_id, tuple(picture(number) for number in range(count)))
        images.save(store.objects, chosen)
        cases.add_key_images(session, chosen)
    return case_id


def draft(store: Store, case_id: str, profile: Profile, server: LookingModel) -> Draft:
    return asyncio.run(_draft(store, case_id, profile, server, []))


async def _draft(
    store: Store,
    case_id: str,
    profile: Profile,
    server: LookingModel,
    scored: list[int],
    then: int | None = None,
) -> Draft:
    """`scored` gets how many reports were scored when each sentence came; `then` is the server's
    status from the first sentence on."""

    def seen(sentence: DraftProgress) -> None:
        scored.append(server.scored)
        server.status = then or server.status

    async with httpx.AsyncClient(trust_env=False) as client:
        drafter = draft_steps.Drafter(
            profile, server.endpoint, client, None, 30, asyncio.Semaphore(SCORED_AT_ONCE)
        )
        router = Router(store, ADAPTERS)
        return await adapter_router.draft(
            case_id, store=store, router=router, base=drafter, on_sentence=seen
        )


def test_each_sentence_is_stored_with_its_support(
    sqlite_store: Store, server: LookingModel
) -> None:
    case_id = taken_in(sqlite_store)
    scored: list[int] = []
    made = asyncio.run(_draft(sqlite_store, case_id, LEAST, server, scored))
    # Nobody waited for a score to see a sentence.
    assert scored == [0, 0]
    assert server.scored == 2
    assert made.least_support == 20.0
    assert [sentence.support for sentence in made.report.sentences] == [LETTERS, LETTERS]
    (evidence,) = made.report.findings[0].evidence
    assert (evidence.image_id, evidence.support) == (picture(0).image_id, LETTERS)
    with sqlite_store.read() as session:
        stored = drafts.latest(session, case_id)
    assert stored is not None
    assert stored.draft == made
    assert proofread(made.report, draft=made) == ()
    marked = proofread(made.report, draft=replace(made, least_support=LETTERS + 0.5))
    assert [one.code for one in marked] == ["sentence_not_supported"] * 2


def test_of_two_images_each_is_shown_alone(sqlite_store: Store, server: LookingModel) -> None:
    case_id = taken_in(sqlite_store, count=2)
    made = draft(sqlite_store, case_id, LEAST, server)
    assert server.scored == 3
    # This model looks at the first picture only.
    assert [one.support for one in made.report.findings[0].evidence] == [LETTERS, 0.0]
    assert made.report.findings[0].support == LETTERS


def test_a_profile_without_a_limit_is_not_measured(
    sqlite_store: Store, server: LookingModel
) -> None:
    made = draft(sqlite_store, taken_in(sqlite_store), PROFILE, server)
    assert server.scored == 0
    assert made.least_support is None
    assert made.report.findings[0].support is None
    assert proofread(made.report, draft=made) == ()


def test_a_draft_stands_when_scoring_fails(sqlite_store: Store, server: LookingModel) -> None:
    case_id = taken_in(sqlite_store)
    made = asyncio.run(_draft(sqlite_store, case_id, LEAST, server, [], then=503))
    assert made.coverage is Coverage.DRAFTED
    assert [sentence.zh for sentence in made.report.sentences] == [WORDS["left"][0]] * 2
    assert [one.support for one in made.report.sentences] == [None, None]
    (issue,) = proofread(made.report, draft=made)
    assert (issue.code, issue.sentence_id) == ("support_not_measured", None)
    with sqlite_store.read() as session:
        assert cases.get_case(session, case_id).state is cases.CaseState.DRAFTED


def test_what_was_not_drafted_is_not_scored(sqlite_store: Store, server: LookingModel) -> None:
    server.status = 503
    made = draft(sqlite_store, taken_in(sqlite_store), LEAST, server)
    assert made.coverage is Coverage.FAILED
    assert made.least_support is None
    assert server.scored == 0
