"""Native vision-language models through a real vLLM, one after the other: checked, drafted with,
adapted from what was signed, drafted with the adapter, rolled back.

The classes are those of the real models, their weights random: what is proved is that training sees
what serving sees, that vLLM takes the adapter's every layer, and that nothing of it stays behind.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from radraft.core.settings import Settings
from radraft.finetune.adapt import data
from radraft.finetune.adapt.run import adapt
from radraft.finetune.train.native import Processor
from radraft.llm.adapter import Adapter, GateRecord, GateStage
from radraft.llm.endpoint import Endpoint
from radraft.llm.profile_check.check import check, serves
from radraft.llm.profiles import Profile
from radraft.llm.server import connect
from radraft.llm.wire import chat_body
from radraft.pipeline import adapter_router, promotion
from radraft.pipeline.draft import Drafter, prepare
from radraft.prompts.values import DraftRequest
from radraft.reports import codec
from radraft.reports.draft import Draft
from radraft.reports.training_pair import make_pair
from radraft.reports.values import Coverage
from radraft.store import adapters, cases, drafts, images as key_images, reports
from radraft.store.database import Store, open_store
from radraft.store.pairs import pairs, save_pair
from radraft.store.signatures import sign
from radraft.studies.values import View
from tests import pixels_model
from tests.builders import make_deid, make_study, person
from tests.finetune.adapt.pixels_world import SITE, add_signed, said, shown
from tests.finetune.adapt.world import START, patient, recipe

pytestmark = [pytest.mark.stress, pytest.mark.vllm, pytest.mark.timeout(3600)]
HOW = recipe(
    dpo=None,
    least_pairs=4,
    longest=2048,
    lora={"rank": 8, "alpha": 64},
    sft={"epochs": 1, "batch": 4, "learning_rate": 0.1, "validations": 1},
)


@dataclass(frozen=True)
class Desk:
    """A site with a model that takes pixels."""

    settings: Settings
    store: Store
    profile: Profile
    router: adapter_router.Router
    endpoint: Endpoint

    def drafted(self, case_ids: list[str], *, keep: bool = False) -> list[Draft]:
        """What serves the site now drafts them, by the steps of the service."""
        make: Callable[..., Any] = adapter_router.draft if keep else adapter_router.make_draft

        async def run() -> list[Any]:
            async with httpx.AsyncClient(trust_env=False) as client:
                base = Drafter(
                    self.profile, self.endpoint, client, None, 900.0, asyncio.Semaphore(1)
                )
                return [
                    await make(case_id, store=self.store, router=self.router, base=base)
                    for case_id in case_ids
                ]

        return [made if keep else made[0] for made in asyncio.run(run())]

    def request(self, case_id: str) -> DraftRequest:
        asked = prepare(case_id, store=self.store, profile=self.profile, vision=None)
        assert isinstance(asked, DraftRequest)
        return asked

    def prompt_of(self, case_id: str) -> list[int]:
        """The token ids that vLLM makes of what it is sent for the case."""
        body = json.loads(chat_body(self.request(case_id), self.profile, self.endpoint.model))
        body |= {"stream": False, "return_token_ids": True, "max_tokens": 1}
        del body["stream_options"], body["response_format"]
        answer = httpx.post(
            f"{self.endpoint.url}/v1/chat/completions",
            json=body,
            headers=self.endpoint.headers,
            timeout=900,
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        ids: list[int] = answer.json()["prompt_token_ids"]
        return ids

    def serve(self, made: Adapter) -> None:
        """Through a gate that says yes."""
        yes = GateRecord(
            made.site, GateStage.ADAPTER, made.adapter_id, None, made.base, True, (), {}, {}, {},
            datetime.now(UTC),
        )  # fmt: skip
        with self.store.begin() as session:
            adapters.record(session, yes)
        promotion.promote(
            made.adapter_id, store=self.store, settings=self.settings, profile=self.profile, by="t"
        )

    def roll_back(self) -> None:
        promotion.roll_back(
            SITE,
            store=self.store,
            settings=self.settings,
            profile=self.profile,
            by="t",
            reason="test",
        )


def take_in(store: Store, number: int, count: int, modality: str, view: View) -> str:
    """A study with key images of several series, not drafted yet."""
    deid = replace(
        make_deid(number),
        patient_ref=patient(number, "train"),
        modality=modality,
        view=view,
    )
    images = shown(deid.case_id, number, count)
    key_images.save(store.objects, images)
    with store.begin() as session:
        study = make_study(number)
        cases.add_study(session, site=SITE, study=study, deid=deid, issues=(), original_keys=())
        cases.add_key_images(session, images)
    return deid.case_id


def sign_off(store: Store, case_id: str, number: int) -> None:
    """The radiologist writes the report anew and signs it, which makes the pair."""
    with store.begin() as session:
        revision = reports.current(session, case_id).revision
        revision = reports.save(
            session, case_id, said(case_id, number), base_revision=revision, editor=person("李")
        ).revision
        when = START + timedelta(minutes=number)
        signed = sign(session, case_id, base_revision=revision, signer=person("王"), now=when)
        basis = drafts.basis(session, case_id)
        assert basis is not None
        ref = cases.get_case(session, case_id).patient_ref
        save_pair(session, make_pair(basis, signed, site=SITE, patient_ref=ref, seconds=600.0))


def bytes_of(made: list[Draft]) -> list[str]:
    return [hashlib.sha256(codec.report_to_json(one.report).encode()).hexdigest() for one in made]


@pytest.mark.parametrize("kind", ["qwen2.5-vl", "qwen3-vl", "gemma-3", "internvl"])
def test_it_drafts_is_adapted_and_is_itself_again(kind: str, tmp_path: Path) -> None:
    profile = pixels_model.build(tmp_path / "model", kind)
    settings = Settings(data_dir=tmp_path / "data", start_timeout_s=1800)
    parts = check(profile, settings)
    assert serves(parts), parts
    with ExitStack() as stack:
        store = open_store(settings)
        stack.callback(store.close)
        films = add_signed(store, range(7), profile)
        scan = take_in(store, 20, 4, "CT", View.NONE)
        new = take_in(store, 21, 2, "CR", View.FRONTAL)
        endpoint = stack.enter_context(connect(settings, profile))
        router = adapter_router.Router(store, settings.adapters_dir)
        desk = Desk(settings, store, profile, router, endpoint)
        asked = [new, scan, films[0]]

        first = desk.drafted(asked)
        assert all(one.coverage is Coverage.DRAFTED for one in first), [
            one.error_code for one in first
        ]
        # The CT is drafted, signed and learned from like the films.
        (kept,) = desk.drafted([scan], keep=True)
        assert kept.coverage is Coverage.DRAFTED
        sign_off(store, scan, 20)
        with store.read() as session:
            (pair,) = [pair for pair in pairs(session) if pair.case_id == scan]
        processor = Processor(tmp_path / "model", data.StoredPictures(store.objects))
        encoded = processor.encode(data.example(pair))
        assert list(encoded.prompt) == desk.prompt_of(scan)
        assert len(encoded.images) == 4

        made = adapt(
            SITE,
            store=store,
            settings=settings,
            profile=profile,
            recipe=HOW,
            run=tmp_path / "run",
            seed=0,
            by="test",
        )
        assert made.card["losses"]["sft"]["step"] == 2
        assert pair.pair_id in {*made.card["pairs"], *made.card["valid_pairs"]}
        desk.serve(made)
        adapted = desk.drafted(asked)
        assert all(one.adapter_id == made.adapter_id for one in adapted)
        assert all(one.coverage is Coverage.DRAFTED for one in adapted), [
            one.error_code for one in adapted
        ]
        desk.roll_back()
        again = desk.drafted(asked)
    print(kind, [one.report.findings[0].en for one in (*first, *adapted)])
    assert all(one.adapter_id is None for one in again)
    for before, after in zip(bytes_of(first), bytes_of(adapted), strict=True):
        assert before != after
    assert bytes_of(again) == bytes_of(first)
