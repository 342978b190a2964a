"""Weeks of signed reports at two sites, through the product's own drafting, editing and signing.

`python -m tests.finetune.trend.made FOLDER` fills a data folder to look at.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.orm import Session

from radraft.core.settings import Settings
from radraft.llm.adapter import Adapter, AdapterState
from radraft.reports.training_pair import make_pair
from radraft.reports.values import Coverage, Origin, Report, Sentence, both
from radraft.store import adapters, cases, drafts, reports
from radraft.store.database import open_store
from radraft.store.pairs import save_pair
from radraft.store.signatures import sign
from radraft.store.tables import AdapterMoveRow, DraftRow
from tests import builders
from tests.builders import person

MONDAY = datetime(2026, 9, 14, 9, tzinfo=UTC)
"""A Monday, the first of ISO week 2026-W38."""
WEEK = timedelta(weeks=1)
FIRST, SECOND, OTHER = "a-3f2a91c04b7de865", "a-b8e07d5521fa9c34", "a-07c4d1e96f32ab58"

SAID = (
    ("双肺野清晰，未见实变。", "The lungs are clear without consolidation."),
    ("心影大小正常。", "Heart size is normal."),
    ("双侧肋膈角锐利，未见胸腔积液。", "The costophrenic angles are sharp; no pleural effusion."),
    ("未见气胸。", "No pneumothorax."),
    ("右下肺见斑片状密度增高影，考虑肺炎。", "Patchy opacity in the right lower lung, pneumonia."),
    ("主动脉迂曲、钙化。", "The aorta is tortuous and calcified."),
)
REWORDED = (
    ("两肺纹理清晰，肺野内未见实变影。", "Both lungs are clear, with no consolidation seen."),
    ("心脏大小在正常范围内。", "The heart is within normal limits of size."),
    ("两侧肋膈角锐利，胸腔积液未见。", "Sharp costophrenic angles without pleural effusion."),
    ("气胸未见。", "There is no pneumothorax."),
    ("右肺下野可见斑片状高密度影，肺炎可能。", "Right lower lung patchy opacity: pneumonia."),
    ("主动脉走行迂曲并见钙化。", "Tortuous aorta with calcification."),
)
CORRECTED = (
    ("左下肺见实变影。", "Consolidation in the left lower lung."),
    ("心影增大。", "The heart is enlarged."),
    ("左侧肋膈角变钝，少量胸腔积液。", "Blunted left costophrenic angle: small pleural effusion."),
    ("左侧少量气胸。", "Small left pneumothorax."),
    ("左下肺见斑片状密度增高影，考虑肺炎。", "Patchy opacity in the left lower lung, pneumonia."),
    ("主动脉未见钙化。", "No calcification of the aorta."),
)
MISSED = ("右锁骨陈旧性骨折。", "Old fracture of the right clavicle.")


def sentence(key: str, texts: tuple[str, str]) -> Sentence:
    return Sentence(key, both(*texts, Origin.MODEL))


def drafted(case_id: str) -> Report:
    found = tuple(sentence(f"f{n}", texts) for n, texts in enumerate(SAID, start=1))
    return Report(case_id, found, (sentence("i1", SAID[4]),))


def edited(draft: Report, edits: Sequence[str], *, missed: bool = False) -> Report:
    """`draft` with `kept`, `reworded`, `corrected` or `deleted` done to each finding."""
    texts = {"reworded": REWORDED, "corrected": CORRECTED}
    findings = []
    for place, (old, edit) in enumerate(zip(draft.findings, edits, strict=True)):
        if edit == "deleted":
            continue
        zh, en = texts[edit][place] if edit in texts else (old.zh, old.en)
        findings.append(old.reworded(zh=zh, en=en))
    if missed:
        findings.append(builders.of_origin(sentence("p1", MISSED), Origin.PERSON))
    return replace(draft, findings=tuple(findings))


def add(
    session: Session,
    number: int,
    *,
    site: str,
    made_at: datetime,
    adapter_id: str | None = None,
    with_draft: bool = True,
) -> str:
    """Take study `number` in at `site` and draft it at `made_at`."""
    deid = builders.make_deid(number)
    cases.add_study(
        session,
        site=site,
        study=builders.make_study(number),
        deid=deid,
        issues=(),
        original_keys=(),
    )
    draft = builders.make_draft(deid.case_id, drafted(deid.case_id), adapter_id=adapter_id)
    if not with_draft:
        empty = Report(deid.case_id, (), ())
        draft = replace(
            draft, report=empty, coverage=Coverage.NOT_COVERED, request_sha=None, usage=None
        )
    builders.save_draft(session, draft)
    session.execute(
        update(DraftRow).where(DraftRow.case_id == deid.case_id).values(created_at=made_at)
    )
    return deid.case_id


def sign_at(
    session: Session,
    case_id: str,
    report: Report | None,
    when: datetime,
    *,
    seconds: float | None = None,
) -> None:
    """Save `report` (None: as it stands) and sign it at `when`."""
    revision = reports.current(session, case_id).revision
    if report is not None:
        saved = reports.save(
            session, case_id, report, base_revision=revision, editor=person("李编辑")
        )
        revision = saved.revision
    signed = sign(session, case_id, base_revision=revision, signer=person("王签名"), now=when)
    draft = drafts.basis(session, case_id)
    assert draft is not None
    case = cases.get_case(session, case_id)
    save_pair(
        session,
        make_pair(draft, signed, site=case.site, patient_ref=case.patient_ref, seconds=seconds),
    )


def register(session: Session, adapter_id: str, site: str) -> None:
    adapter = Adapter(
        adapter_id=adapter_id,
        site=site,
        base="starter@0123456789abcdef",
        files={},
        rank=8,
        parent=None,
        data_sha="0" * 64,
        card={},
        made_at=MONDAY,
    )
    adapters.register(session, adapter, by="test")


def move(
    session: Session,
    adapter_id: str,
    site: str,
    before: AdapterState,
    after: AdapterState,
    when: datetime,
) -> None:
    """A move at a moment of the test's choosing."""
    session.add(
        AdapterMoveRow(
            adapter_id=adapter_id,
            site=site,
            before=before.value,
            after=after.value,
            by="陈确认",
            reason="",
            moved_at=when,
        )
    )
    session.flush()


def promote(
    session: Session, adapter_id: str, site: str, when: datetime, replaces: str | None = None
) -> None:
    move(session, adapter_id, site, AdapterState.SHADOW, AdapterState.SERVING, when)
    if replaces is not None:
        move(session, replaces, site, AdapterState.SERVING, AdapterState.RETIRED, when)


def ten_weeks(session: Session, *, a_week: int = 14, site_names: tuple[str, str]) -> None:
    """Two sites that learn: the first by two promotions, the second by one that was taken back."""
    turned = {
        site_names[0]: ((3.4, FIRST), (6.6, SECOND)),
        site_names[1]: ((4.3, OTHER), (6.1, None)),
    }
    dice = random.Random(7)
    for site, moves in turned.items():
        serving: str | None = None
        for place, adapter_id in moves:
            when = MONDAY + place * WEEK
            if adapter_id is None:
                assert serving is not None
                move(session, serving, site, AdapterState.SERVING, AdapterState.RETIRED, when)
            else:
                register(session, adapter_id, site)
                promote(session, adapter_id, site, when, serving)
            serving = adapter_id
    number = 0
    for site, moves in turned.items():
        for week in range(10):
            for _ in range(a_week + dice.randint(-4, 4)):
                number += 1
                when = MONDAY + (week + dice.random() * 0.7) * WEEK
                past = [key for place, key in moves if MONDAY + place * WEEK <= when]
                step = len([key for key in past if key]) - len([key for key in past if not key])
                _one(session, dice, number, site, when, past[-1] if past else None, step)


def _one(
    session: Session,
    dice: random.Random,
    number: int,
    site: str,
    when: datetime,
    adapter_id: str | None,
    step: int,
) -> None:
    if dice.random() < 0.08:
        case_id = add(session, number, site=site, made_at=when, with_draft=False)
        sign_at(session, case_id, drafted(case_id), when, seconds=dice.gauss(560, 90))
        return
    made_at = when - timedelta(minutes=20)
    case_id = add(session, number, site=site, made_at=made_at, adapter_id=adapter_id)
    if dice.random() < 0.06:
        return
    kept = (0.42, 0.66, 0.8)[step]
    rest = (1 - kept) / 6
    weights = (kept, 3 * rest, 2 * rest, rest)
    edits = dice.choices(("kept", "reworded", "corrected", "deleted"), weights, k=6)
    report = edited(drafted(case_id), edits, missed=dice.random() < 0.3 - 0.1 * step)
    seconds = max(40.0, dice.gauss(420 - 110 * step, 90)) if dice.random() < 0.85 else None
    sign_at(session, case_id, report, when, seconds=seconds)


def main(folder: str) -> None:
    store = open_store(Settings(data_dir=Path(folder)))
    with store.begin() as session:
        ten_weeks(session, site_names=("north", "south"))
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
