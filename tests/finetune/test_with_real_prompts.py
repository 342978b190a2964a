"""A pair made from a request that the real prompt builder wrote."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from radraft.finetune.export import export
from radraft.prompts.build import build, request_json
from radraft.reports.training_pair import make_pair
from radraft.store import cases, drafts, images
from radraft.store.database import Store
from radraft.store.pairs import save_pair
from radraft.store.signatures import sign
from tests.builders import add_case, make_draft, make_images, person


@pytest.mark.parametrize("template", ["starter", "instruct"])
def test_the_request_a_draft_was_asked_with_becomes_its_prompt(
    sqlite_store: Store, tmp_path: Path, template: str
) -> None:
    with sqlite_store.begin() as session:
        case_id = add_case(session)
        given = make_images(case_id, count=2)
        images.save(sqlite_store.objects, given)
        cases.add_key_images(session, given)
        loaded = images.load(session, sqlite_store.objects, case_id)
        case = cases.deid_study(session, case_id)
        request = build(case, loaded, None, template=template, adapter_id=None)
        ids = tuple(image.image_id for image in loaded.images)
        drafts.save_draft(
            session,
            make_draft(case_id, request_sha=request.request_sha),
            request_json=request_json(request),
            encoder_id=None,
            image_ids=ids,
        )
        signed = sign(
            session, case_id, base_revision=1, signer=person("王签名"), now=datetime.now(UTC)
        )
        draft = drafts.basis(session, case_id)
        assert draft is not None
        pair = make_pair(draft, signed, site="site-a", patient_ref=case.patient_ref)
        save_pair(session, pair)
        export(session, tmp_path / "o.jsonl")
    assert pair.template_sha == request.template_sha
    (line,) = map(json.loads, (tmp_path / "o.jsonl").read_text("utf-8").splitlines())
    assert line["images"] == list(ids)
    shown = [
        [part.get("text", "image") for part in message["content"]] for message in line["messages"]
    ]
    asked = [[getattr(part, "text", "image") for part in m.parts] for m in request.messages]
    assert shown[:-1] == asked
    assert [message["role"] for message in line["messages"][:-1]] == [
        message.role for message in request.messages
    ]
    assert line["messages"][-1]["role"] == "assistant"
