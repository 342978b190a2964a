"""Small real values for tests. Identities are made up and easy to search for."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.reports.draft import Draft, Usage
from radraft.reports.people import Actor, ActorRole, Person, PersonKind, typed_person
from radraft.reports.roles import EVERY_SITE, Membership, Role
from radraft.reports.values import Coverage, Evidence, Origin, Report, Sentence, both
from radraft.store import accounts, cases, drafts, sign_ins
from radraft.store.database import Store
from radraft.store.leases import Owner
from radraft.studies.choose.frames import image_id
from radraft.studies.values import (
    DeidInstance,
    DeidStudy,
    Instance,
    KeyImage,
    KeyImages,
    Patient,
    Study,
    View,
)

NAME = "Wei^Planted=魏^植入"
PATIENT_ID = "PLANTED-ID-4711"
ACCESSION = "PLANTED-ACC-0815"
HISTORY = "魏植入，咳嗽三天"


def make_study(number: int = 1, **changes: Any) -> Study:
    """Study `number`: same number, same study."""
    instance = Instance(
        sop_instance_uid=f"1.2.826.{number}.1",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1",
        series_uid=f"1.2.826.{number}",
        series_number=1,
        instance_number=1,
        path=Path("image.dcm"),
        frames=1,
        rows=4,
        columns=6,
        view_position="PA",
        transfer_syntax="1.2.840.10008.1.2.1",
    )
    study = Study(
        study_uid=f"1.2.826.0.{number}",
        accession=ACCESSION,
        patient=Patient(PATIENT_ID, NAME, date(1970, 1, 2), "F"),
        modality="CR",
        body_part="CHEST",
        study_time=datetime(2026, 3, 4, 5, 6, 7),
        description="CHEST PA of Planted",
        history=HISTORY,
        age_years=56,
        instances=(instance,),
    )
    return replace(study, **changes)


def make_deid(number: int = 1, **changes: Any) -> DeidStudy:
    """What de-identification makes of `make_study(number)`."""
    deid = DeidStudy(
        case_id=f"c-{_hex(f'study {number}')[:16]}",
        patient_ref=f"p-{_hex('patient')[:16]}",
        modality="CR",
        body_part="CHEST",
        view=View.FRONTAL,
        age_band="40-64",
        sex="F",
        history="咳嗽三天",
        instances=(DeidInstance(_hex("instance")[:16], Path("image.dcm"), 1, View.FRONTAL),),
    )
    return replace(deid, **changes)


def make_images(case_id: str, count: int = 1, seed: int = 0) -> KeyImages:
    """`count` random images of 4 x 6 pixels."""
    random = np.random.default_rng(seed)
    images = []
    for index in range(count):
        values = random.integers(-1000, 3000, (4, 6)).astype(np.int16)
        pixels = random.integers(0, 256, (4, 6)).astype(np.uint8)
        images.append(
            KeyImage(
                image_id=image_id(pixels),
                pixels=pixels,
                values=values,
                instance_ref=_hex(f"instance {index}")[:16],
                frame=0,
                window=(40.0, 400.5),
                score=1.0,
            )
        )
    return KeyImages(case_id, tuple(images))


def make_sentence(key: str, zh: str = "", en: str = "", **changes: Any) -> Sentence:
    """A model's sentence; its text names its id where none is given."""
    texts = both(zh or f"所见{key}。", en or f"Finding {key}.", changes.pop("origin", Origin.MODEL))
    return replace(Sentence(key, texts), **changes)


def of_origin(sentence: Sentence, origin: Origin) -> Sentence:
    """The same texts of another origin."""
    return replace(sentence, wordings=both(sentence.zh, sentence.en, origin))


def person(name: str) -> Person:
    """Somebody whose name was typed."""
    return typed_person(name)


def actor(name: str, role: ActorRole = ActorRole.READER) -> Actor:
    """Somebody at site-a who is signed in."""
    account_id = f"a-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return Actor(Person(PersonKind.ACCOUNT, name, account_id), role, "site-a")


def signed_in(store: Store, name: str, role: ActorRole = ActorRole.READER) -> Actor:
    """Somebody of that name at site-a in a session of his own, with an account that is made if it
    is not there: the same person as `actor(name)`'s is not."""
    login = f"b-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    held = [Membership(EVERY_SITE, Role.ATTENDING)]
    now = datetime.now(UTC)
    with store.begin() as session:
        known = accounts.by_login(session, login)
        account = (
            known[0]
            if known is not None
            else accounts.add(session, login=login, name=name, memberships=held, now=now)
        )
        secret = sign_ins.begin(session, account.account_id, "127.0.0.1", now)
        here = sign_ins.find(session, secret)
    assert here is not None
    return Actor(account.person, role, "site-a", session_id=here.session_id)


def make_report(case_id: str, findings: int = 3, impression: int = 1) -> Report:
    """A drafted report: findings f1, f2... and impression i1..."""
    return Report(
        case_id=case_id,
        findings=tuple(
            make_sentence(f"f{n}", evidence=(Evidence(_hex("image"), 1.5),))
            for n in range(1, findings + 1)
        ),
        impression=tuple(make_sentence(f"i{n}") for n in range(1, impression + 1)),
    )


def make_request_json(case_id: str, image_ids: tuple[str, ...] = ("a" * 64,)) -> str:
    """The canonical JSON of a request, as `prompts.build.request_json` writes it."""
    return canonical.dumps(
        {
            "case_id": case_id,
            "messages": [
                {"role": "system", "parts": [{"type": "text", "text": "写报告。"}]},
                {
                    "role": "user",
                    "parts": [
                        *({"type": "image", "index": n} for n in range(len(image_ids))),
                        {"type": "text", "text": "咳嗽三天"},
                    ],
                },
            ],
            "image_ids": image_ids,
            "encoder_id": "encoder@0123456789abcdef",
            "template_id": "starter",
            "template_sha": _hex("template"),
            "adapter_id": None,
        }
    )


def make_draft(case_id: str, report: Report | None = None, **changes: Any) -> Draft:
    """A model's draft of `make_request_json(case_id)`."""
    draft = Draft(
        case_id=case_id,
        report=make_report(case_id) if report is None else report,
        coverage=Coverage.DRAFTED,
        model_id="starter@0123456789abcdef",
        adapter_id=None,
        request_sha=_hex(make_request_json(case_id)),
        usage=Usage(prompt_tokens=100, completion_tokens=50, seconds=2.5, first_sentence_s=0.5),
    )
    return replace(draft, **changes)


def add_case(session: Session, number: int = 1, **changes: Any) -> str:
    """Take study `number` in; `changes` go to its de-identified form."""
    deid = make_deid(number, **changes)
    cases.add_study(
        session, site="site-a", study=make_study(number), deid=deid, issues=(), original_keys=()
    )
    return deid.case_id


def add_drafted(session: Session, number: int = 1, **changes: Any) -> str:
    """Take study `number` in and draft it; `changes` go to the draft."""
    case_id = add_case(session, number)
    save_draft(session, make_draft(case_id, **changes))
    return case_id


def save_draft(session: Session, draft: Draft, owner: Owner | None = None) -> None:
    """Keep `draft`, whose case `owner` holds, with the request it names, if it names one."""
    asked = draft.request_sha is not None
    drafts.save_draft(
        session,
        draft,
        request_json=make_request_json(draft.case_id) if asked else None,
        encoder_id="encoder@0123456789abcdef" if asked else None,
        image_ids=("a" * 64,) if asked else (),
        owner=owner,
    )


def _hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
