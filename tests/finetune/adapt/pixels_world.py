"""A site whose model takes pixels: signed reports with key images in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from radraft.core.settings import Settings
from radraft.finetune.adapt.run import adapt
from radraft.llm.adapter import Adapter
from radraft.llm.profiles import Profile
from radraft.prompts.build import build, request_json
from radraft.prompts.values import NOT_LOOKED, Priors
from radraft.reports.training_pair import make_pair
from radraft.reports.values import Report
from radraft.store import cases, drafts, images as key_images, reports
from radraft.store.database import Store, open_store
from radraft.store.pairs import save_pair
from radraft.store.signatures import sign
from radraft.studies.key_images import from_picture
from radraft.studies.values import KeyImages
from tests import embeds_model
from tests.builders import make_deid, make_draft, make_report, make_sentence, make_study, person
from tests.finetune.adapt.world import SAID, SITE, START, patient

SERIES = 2
"""Key images of one study, of as many series."""


def shown(case_id: str, number: int, count: int = SERIES) -> KeyImages:
    """Key images of study `number`, each of its own pattern."""
    films = [embeds_model.picture(1000 * place + number) for place in range(count)]
    return KeyImages(case_id, tuple(from_picture(film) for film in films))


def add_signed(
    store: Store,
    numbers: Sequence[int],
    profile: Profile,
    *,
    split: str = "train",
    count: int = SERIES,
    priors: Priors = NOT_LOOKED,
    **changes: Any,
) -> list[str]:
    """One study each, of a patient of that split: asked of the profile's model with all its key
    images, drafted as one thing and signed as another, every third as it was drafted. `changes` are
    of the de-identified study."""
    made = []
    for number in numbers:
        deid = replace(make_deid(number), patient_ref=patient(number, split), **changes)
        images = shown(deid.case_id, number, count)
        key_images.save(store.objects, images)
        request = build(
            deid, images, None, template=profile.template, adapter_id=None, priors=priors
        )
        with store.begin() as session:
            study = make_study(number)
            cases.add_study(session, site=SITE, study=study, deid=deid, issues=(), original_keys=())
            cases.add_key_images(session, images)
            report = said(deid.case_id, number)
            drafted = report if number % 3 == 0 else said(deid.case_id, number + 1)
            draft = make_draft(deid.case_id, drafted, request_sha=request.request_sha)
            drafts.save_draft(
                session,
                draft,
                request_json=request_json(request),
                encoder_id=None,
                image_ids=request.image_ids,
            )
            revision = reports.current(session, deid.case_id).revision
            if number % 3:
                revision = reports.save(
                    session, deid.case_id, report, base_revision=revision, editor=person("李")
                ).revision
            when = START + timedelta(minutes=number)
            signed = sign(
                session, deid.case_id, base_revision=revision, signer=person("王签名"), now=when
            )
            basis = drafts.basis(session, deid.case_id)
            assert basis is not None
            save_pair(
                session,
                make_pair(basis, signed, site=SITE, patient_ref=deid.patient_ref, seconds=600.0),
            )
        made.append(deid.case_id)
    return made


def said(case_id: str, kind: int) -> Report:
    """One of two reports."""
    first = make_sentence("f1", *SAID[kind % 2])
    made = make_report(case_id, 1)
    return replace(made, findings=(first,), impression=(replace(first, id="i1"),))


def go(settings: Settings, profile: Profile, run: Path, how: Any, **changes: Any) -> Adapter:
    """Adapt `SITE`'s model in a store opened for it."""
    store = open_store(settings)
    try:
        return adapt(
            SITE,
            store=store,
            settings=settings,
            profile=profile,
            recipe=how,
            run=run,
            seed=changes.pop("seed", 3),
            by="test",
            **changes,
        )
    finally:
        store.close()
