from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from radraft.finetune.near import encoder_of
from radraft.finetune.screen import least_seconds
from radraft.finetune.selection import Reason, Selection, select
from radraft.reports.patient_record import PatientField
from radraft.reports.skeleton import skeleton
from radraft.reports.training_pair import TrainingPair, make_pair, split_of
from radraft.reports.values import Coverage, Report
from radraft.store import drafts, patient_records, report_steps, reports
from radraft.store.database import Store
from radraft.store.pairs import save_pair
from radraft.store.signatures import sign
from radraft.store.tables import CaseRow
from radraft.vision_encoder import stored
from radraft.vision_encoder.values import ImageEmbedding
from tests.builders import (
    NAME,
    add_case,
    make_draft,
    make_report,
    make_request_json,
    make_sentence,
    person,
)

pytestmark = pytest.mark.slow

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENCODER = "encoder@0123456789abcdef"
SITE = "site-a"
TRAIN = next(f"p-{n}" for n in range(100) if split_of(f"p-{n}") == "train")
HELD = next(f"p-{n}" for n in range(100) if split_of(f"p-{n}") == "held_out")


def signed(
    session: Session,
    number: int,
    *,
    image: str = "",
    text: str = "",
    patient: str = TRAIN,
    seconds: float | None = None,
    site: str = SITE,
    minutes: int | None = None,
    coverage: Coverage = Coverage.DRAFTED,
    encoder: str | None = ENCODER,
) -> TrainingPair:
    """Take study `number` in, draft it, sign it `minutes` after noon (its number unless given)."""
    case_id = add_case(session, number)
    image_ids = (image or f"image {number}",)
    draft = make_draft(
        case_id,
        skeleton(case_id) if coverage is not Coverage.DRAFTED else None,
        coverage=coverage,
    )
    request = make_request_json(case_id, image_ids)
    drafts.save_draft(
        session,
        replace(draft, request_sha=hashlib.sha256(request.encode()).hexdigest()),
        request_json=request,
        encoder_id=encoder,
        image_ids=image_ids,
    )
    report = make_report(case_id)
    if text:
        report = Report(case_id, (make_sentence("f1", text).reworded(en=""),), ())
    base = reports.current(session, case_id).revision
    reports.save(session, case_id, report, base_revision=base, editor=person("李"))
    return again(session, case_id, patient, seconds, site, number if minutes is None else minutes)


def again(
    session: Session, case_id: str, patient: str, seconds: float | None, site: str, minutes: int
) -> TrainingPair:
    """Sign the working report as it stands."""
    made = sign(
        session,
        case_id,
        base_revision=reports.current(session, case_id).revision,
        signer=person("王签名"),
        now=NOON + timedelta(minutes=minutes),
    )
    draft = drafts.basis(session, case_id)
    assert draft is not None
    pair = make_pair(draft, made, site=site, patient_ref=patient, seconds=seconds)
    save_pair(session, pair)
    return pair


def embed(store: Store, image: str, cosine: float, encoder: str = ENCODER) -> None:
    """An embedding at that cosine from the first axis."""
    vector = np.array([cosine, np.sqrt(1 - cosine**2)], dtype=np.float32)
    embedding = ImageEmbedding(image, np.zeros((1, 2), np.float32), vector)
    store.objects.put(stored.key(encoder, image), stored.dump(embedding, encoder))


def chosen(store: Store, session: Session) -> Selection:
    return select(session, store.objects, SITE)


def ids(pairs: tuple[TrainingPair, ...]) -> list[str]:
    return [pair.pair_id for pair in pairs]


def reasons(selection: Selection) -> dict[str, str]:
    return {one.case_id: one.reason.value for one in selection.left_out}


def test_a_patient_who_was_merged_into_one_of_the_frozen_trains_nothing(store: Store) -> None:
    with store.begin() as session:
        kept, moved = signed(session, 1), signed(session, 2)
        held = signed(session, 3, patient=HELD)
        others = update(CaseRow).values(patient_ref="p-other")
        session.execute(others.where(CaseRow.case_id == kept.case_id))
        assert ids(chosen(store, session).train) == ids((kept, moved))
        # The two go by one number now.
        at = NOON + timedelta(days=1)
        patient_records.note_change(session, moved.case_id, [PatientField.NUMBER], "HIS", at)
        found = chosen(store, session)
    assert (ids(found.train), ids(found.frozen)) == (ids((kept,)), ids((held,)))
    assert reasons(found) == {moved.case_id: "leaked"}


def test_train_and_frozen_are_apart_and_in_the_order_of_signing(store: Store) -> None:
    with store.begin() as session:
        late = signed(session, 1, minutes=9)
        early = signed(session, 2, minutes=3)
        held = signed(session, 3, patient=HELD)
        signed(session, 4, site="site-b")
        found = chosen(store, session)
    assert ids(found.train) == ids((early, late))
    assert (ids(found.frozen), found.left_out) == ([held.pair_id], ())


def test_only_the_newest_version_counts(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        pair = signed(session, 1)
        for version in (2, 3):
            report_steps.amend(
                session, pair.case_id, editor=person("李"), reason="更正", now=datetime.now(UTC)
            )
            last = again(session, pair.case_id, TRAIN, None, SITE, version)
        found = chosen(sqlite_store, session)
    assert ids(found.train) == [last.pair_id]
    assert [one.reason for one in found.left_out] == [Reason.SUPERSEDED] * 2


@pytest.mark.parametrize("coverage", [Coverage.NOT_COVERED, Coverage.FAILED])
def test_what_no_model_drafted_is_left_out(sqlite_store: Store, coverage: Coverage) -> None:
    with sqlite_store.begin() as session:
        pair = signed(session, 1, coverage=coverage)
        assert reasons(chosen(sqlite_store, session)) == {pair.case_id: "not_covered"}


def test_the_least_time_is_that_of_the_shorter_language() -> None:
    sentence = make_sentence("f1", "两" * 50, "two words here")
    assert least_seconds(Report("c-1", (sentence,), ())) == pytest.approx(3 * 0.06)
    assert least_seconds(Report("c-1", (sentence.reworded(en=""),), ())) == pytest.approx(3.0)
    assert least_seconds(Report("c-1", (), ())) == 0.0


@pytest.mark.parametrize("patient", [TRAIN, HELD])
@pytest.mark.parametrize(("seconds", "left"), [(0.47, True), (0.49, False), (None, False)])
def test_faster_than_a_person_reads(
    sqlite_store: Store, patient: str, seconds: float | None, left: bool
) -> None:
    """Four sentences of two English words and two Chinese characters each: 0.48 s."""
    with sqlite_store.begin() as session:
        pair = signed(session, 1, patient=patient, seconds=seconds)
        assert least_seconds(pair.signed.report) == pytest.approx(0.48)
        found = chosen(sqlite_store, session)
    assert reasons(found) == ({pair.case_id: "unread"} if left else {})


@pytest.mark.parametrize("patient", [TRAIN, HELD])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (NAME.split("=")[1].replace("^", "") + "，双肺清晰。", "named"),
        ("报告医师王签名。", "named"),
        ("电话13800138000。", "identified"),
        ("请联系 138 0013 8000。", "identified"),
        ("身份证11010519491231002X。", "identified"),
        ("病案号１２３４５６。", "identified"),
        ("参见检查 20260102345。", "identified"),
    ],
)
def test_text_that_names_or_identifies(
    sqlite_store: Store, patient: str, text: str, reason: str
) -> None:
    with sqlite_store.begin() as session:
        pair = signed(session, 1, text=text, patient=patient)
        found = chosen(sqlite_store, session)
    assert reasons(found) == {pair.case_id: reason}
    assert found.train == found.frozen == ()


@pytest.mark.parametrize(
    "text", ["结节约12mm×8.5mm。", "心胸比0.58，第10后肋。", "T12椎体，CT值约-950HU。"]
)
def test_measurements_identify_nobody(sqlite_store: Store, text: str) -> None:
    with sqlite_store.begin() as session:
        signed(session, 1, text=text)
        assert chosen(sqlite_store, session).left_out == ()


def test_the_same_picture_with_the_same_text_counts_once(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        older = signed(session, 1, image="one")
        newer = signed(session, 2, image="one")
        other = signed(session, 3, image="one", text="右肺结节。")
        found = chosen(sqlite_store, session)
    assert ids(found.train) == ids((newer, other))
    assert reasons(found) == {older.case_id: "duplicate"}


def test_copies_that_went_to_a_model_as_they_are_are_found_by_the_shipped_encoder(
    sqlite_store: Store,
) -> None:
    for image, cosine in (("a", 1.0), ("b", 0.999), ("c", 0.5)):
        embed(sqlite_store, image, cosine, encoder_of(None))
    with sqlite_store.begin() as session:
        older, newer, other = (
            signed(session, number, image=image, encoder=None)
            for number, image in enumerate("abc", 1)
        )
        found = chosen(sqlite_store, session)
    assert ids(found.train) == ids((newer, other))
    assert reasons(found) == {older.case_id: "duplicate"}


def test_a_duplicate_signed_unread_does_not_replace_the_one_that_was_read(
    sqlite_store: Store,
) -> None:
    with sqlite_store.begin() as session:
        older = signed(session, 1, image="one")
        newer = signed(session, 2, image="one", seconds=0.01)
        found = chosen(sqlite_store, session)
    assert ids(found.train) == [older.pair_id]
    assert reasons(found) == {newer.case_id: "unread"}


@pytest.mark.parametrize(("cosine", "same"), [(0.9999, True), (0.98, False)])
def test_a_copy_of_a_frozen_picture_never_trains(
    sqlite_store: Store, cosine: float, same: bool
) -> None:
    embed(sqlite_store, "frozen", 1.0)
    embed(sqlite_store, "copy", cosine)
    with sqlite_store.begin() as session:
        held = signed(session, 1, image="frozen", patient=HELD)
        copy = signed(session, 2, image="copy", text="左肺结节。")
        found = chosen(sqlite_store, session)
    assert ids(found.frozen) == [held.pair_id]
    assert reasons(found) == ({copy.case_id: "leaked"} if same else {})


def test_the_same_image_is_known_without_an_embedding(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        signed(session, 1, image="one", patient=HELD)
        pair = signed(session, 2, image="one")
        assert reasons(chosen(sqlite_store, session)) == {pair.case_id: "leaked"}


def test_every_pair_is_in_one_share(sqlite_store: Store) -> None:
    """Pictures that are leaked and duplicates at once, frozen duplicates, versions."""
    embed(sqlite_store, "x", 1.0)
    embed(sqlite_store, "y", 0.9999)
    with sqlite_store.begin() as session:
        made = [
            signed(session, 1, image="x", patient=HELD),
            signed(session, 2, image="y", patient=HELD),
            signed(session, 3, image="y"),
            signed(session, 4, image="x"),
            signed(session, 5),
            signed(session, 6, seconds=0.0),
        ]
        found = chosen(sqlite_store, session)
    shares = Counter([pair.case_id for pair in found.train + found.frozen])
    shares.update(one.case_id for one in found.left_out)
    assert shares == Counter(pair.case_id for pair in made)
    assert sorted(reasons(found).values()) == ["duplicate", "leaked", "leaked", "unread"]
