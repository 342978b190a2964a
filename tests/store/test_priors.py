"""Earlier studies of the same patient, in a store."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from radraft.core.errors import NotFound, ReportError
from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.llm.wire import chat_body
from radraft.pipeline import draft
from radraft.pipeline.eligibility import Barred
from radraft.prompts.values import Looked
from radraft.reports.values import Report
from radraft.store import cases, images, patient_keys, priors, report_steps, reports
from radraft.store.database import Store, open_store
from radraft.store.migrations.versions import v0009_people, v0014_two_signatures, v0015_worklist
from radraft.store.priors import LinkState
from radraft.store.signatures import sign
from radraft.store.tables import PatientKeyRow, PriorLinkRow
from radraft.studies.values import Patient, View
from tests.builders import (
    make_deid,
    make_draft,
    make_images,
    make_sentence,
    make_study,
    person,
    save_draft,
)
from tests.store import tampering

pytestmark = pytest.mark.slow

BORN = date(1970, 3, 5)
TODAY = datetime(2026, 6, 1, 9, 30)
NOW = datetime(2026, 6, 2, tzinfo=UTC)


def taken(
    store: Store,
    number: int,
    name: str = "王小明",
    *,
    site: str = "north",
    days_ago: float | None = 0,
    patient_id: str | None = None,
    born: date | None = BORN,
    sex: str = "M",
    **deid: str,
) -> str:
    """Take a study in, with two key images, as ingest does."""
    patient = Patient(patient_id or f"{site}-{number:05d}", name, born, sex)
    when = None if days_ago is None else TODAY - timedelta(days=days_ago)
    study = make_study(number, patient=patient, study_time=when, age_years=None)
    ref = hashlib.sha256(patient.patient_id.encode()).hexdigest()[:16]
    made = make_deid(number, patient_ref=f"p-{ref}", **deid)
    chosen = make_images(made.case_id, count=2, seed=number)
    images.save(store.objects, chosen)
    with store.begin() as session:
        cases.add_study(session, site=site, study=study, deid=made, issues=(), original_keys=())
        cases.add_key_images(session, chosen)
    return made.case_id


def signed(
    store: Store,
    case_id: str,
    zh: str = "右下肺斑片影。",
    en: str = "Right lower opacity.",
    now: datetime = NOW,
) -> str:
    """Draft and sign a report for the case."""
    report = Report(
        case_id, (make_sentence("f1", zh, en),), (make_sentence("i1", "肺炎。", "Pneumonia."),)
    )
    with store.begin() as session:
        save_draft(session, make_draft(case_id, report))
        sign(session, case_id, base_revision=1, signer=person("王医生"), now=now)
    return case_id


def found(store: Store, case_id: str) -> priors.PriorsFound:
    with store.read() as session:
        return priors.find(session, case_id)


def ids(linked: tuple[priors.Linked, ...]) -> list[str]:
    return [one.case_id for one in linked]


def test_what_was_linked_and_signed_at_a_time_stays_so_but_for_what_was_somebody_elses(
    store: Store,
) -> None:
    later = NOW + timedelta(days=1)
    before = signed(store, taken(store, 1, "王小明", days_ago=400))
    asked = signed(store, taken(store, 2, "王晓明", site="south", patient_id="S-1", days_ago=300))
    unread = taken(store, 3, "王小明", days_ago=200)
    here = taken(store, 4, "王小明")
    assert ids(found(store, here).to_confirm) == [asked]

    def known() -> list[str]:
        with store.read() as session:
            return ids(priors.known_at(session, here, NOW))

    assert known() == [before]
    signed(store, unread, now=later)
    signed(store, taken(store, 5, "王小明", days_ago=100), now=later)
    with store.begin() as session:
        priors.confirm(session, here, asked, by="李医生", now=later)
    assert len(found(store, here).priors) == 4
    assert known() == [before]
    with store.read() as session:
        assert len(priors.known_at(session, here, later)) == 4
    with store.begin() as session:
        priors.reject(session, here, before, by="李医生", now=later)
    assert known() == []


def test_one_patient_at_two_sites_under_three_names(store: Store) -> None:
    first = signed(store, taken(store, 1, "王小明", site="north", days_ago=400))
    second = signed(store, taken(store, 2, "Wang^Xiaoming", site="south", days_ago=120))
    third = taken(store, 3, "王曉明", site="south", days_ago=0, patient_id="south-other")
    stranger = taken(store, 4, "王小明", site="south", days_ago=30, born=date(1988, 12, 24))
    here = found(store, third)
    assert (here.state, ids(here.priors)) == (Looked.FOUND, [second, first])
    assert [prior.days_before for prior in here.priors] == [120, 400]
    assert here.to_confirm == ()
    assert all(one.confidence >= 0.998 for one in here.priors)
    assert "name_sound" in here.priors[0].reasons
    assert "name_homophone" in here.priors[1].reasons
    # An earlier study has no later ones, and the other 王小明 nobody.
    assert ids(found(store, second).priors) == [first]
    assert found(store, first) == priors.PriorsFound(Looked.NONE)
    assert found(store, stranger) == priors.PriorsFound(Looked.NONE)


def test_another_birth_date_is_another_patient(store: Store) -> None:
    signed(store, taken(store, 1, "王小明", days_ago=90))
    later = taken(store, 2, "王小明", site="south", born=date(1991, 7, 21))
    assert found(store, later) == priors.PriorsFound(Looked.NONE)


def test_the_same_number_at_one_site(store: Store) -> None:
    before = taken(store, 1, "王小明", days_ago=10, patient_id="A-17")
    later = taken(store, 2, "WANG XIAOMING", patient_id="A-17", born=None, sex="")
    here = found(store, later)
    assert ids(here.priors) == [before]
    assert here.priors[0].confidence == 1.0


@pytest.mark.parametrize(
    ("earlier", "now", "state"),
    [
        ("LUNG", "CHEST", Looked.FOUND),
        ("CHESTABDOMEN", "CHEST", Looked.FOUND),
        ("KNEE", "CHEST", Looked.NONE),
        ("", "CHEST", Looked.NONE),
        ("CHEST", "", Looked.NOT_LOOKED),
    ],
)
def test_only_the_same_part_of_the_body(
    store: Store, earlier: str, now: str, state: Looked
) -> None:
    taken(store, 1, days_ago=10, body_part=earlier)
    assert found(store, taken(store, 2, site="south", body_part=now)).state is state


def test_nobody_to_look_by_is_not_nothing_found(store: Store) -> None:
    taken(store, 1, "Anonymous", days_ago=10, patient_id="0", born=None)
    later = taken(store, 2, "Anonymous", patient_id="0", born=None)
    assert found(store, later) == priors.PriorsFound(Looked.NOT_LOOKED)
    with store.read() as session, pytest.raises(NotFound):
        priors.find(session, "c-none")


def test_studies_without_a_time_go_by_when_they_came(store: Store) -> None:
    undated = taken(store, 1, days_ago=None)
    assert found(store, taken(store, 2, site="south", days_ago=5)).state is Looked.NONE
    assert ids(found(store, undated).priors) != []


def test_a_person_confirms_or_rejects_and_it_is_remembered(store: Store) -> None:
    earlier = taken(store, 1, "王小明", days_ago=100)
    later = taken(store, 2, "王晓明", site="south", patient_id="S-1")
    assert ids(found(store, later).to_confirm) == [earlier]
    assert found(store, later).state is Looked.UNSURE

    with store.begin() as session:
        priors.reject(session, later, earlier, by="李读片", now=NOW)
    here = found(store, later)
    assert (here.state, here.to_confirm) == (Looked.NONE, ())
    assert ids(here.rejected) == [earlier]

    # The next study of the same two patients is not asked about again.
    again = taken(store, 3, "王晓明", site="south", patient_id="S-1", days_ago=-1)
    assert found(store, again).to_confirm == ()
    assert ids(found(store, again).priors) == [later]

    with store.begin() as session:
        priors.confirm(session, later, earlier, by="李读片", now=NOW + timedelta(minutes=1))
    here = found(store, later)
    assert (here.state, here.priors[0].state) == (Looked.FOUND, LinkState.CONFIRMED)
    assert ids(found(store, again).priors) == [later, earlier]
    with store.read() as session:
        (row,) = session.scalars(sa.select(PriorLinkRow)).all()
    assert (row.state, row.by, row.at) == ("confirmed", "李读片", NOW + timedelta(minutes=1))
    assert row.confidence == here.priors[0].confidence


def test_a_link_made_by_itself_can_be_taken_back(store: Store) -> None:
    earlier = taken(store, 1, days_ago=100)
    later = taken(store, 2, "Wang^Xiaoming", site="south")
    with store.begin() as session:
        priors.record(session, later, NOW)
        priors.record(session, later, NOW + timedelta(days=1))
    with store.read() as session:
        (row,) = session.scalars(sa.select(PriorLinkRow)).all()
    assert (row.prior_case_id, row.state, row.by, row.at) == (earlier, "found", None, NOW)
    with store.begin() as session:
        priors.reject(session, later, earlier, by="李读片", now=NOW)
        priors.record(session, later, NOW)
    assert found(store, later).priors == ()


def test_only_what_was_found_can_be_decided_on(store: Store) -> None:
    earlier = taken(store, 1, days_ago=100)
    stranger = taken(store, 2, "李建国", days_ago=50, born=date(1955, 5, 5))
    later = taken(store, 3, site="south")
    with store.begin() as session:
        for prior in (stranger, "c-none", later):
            with pytest.raises(NotFound) as caught:
                priors.confirm(session, later, prior, by="李读片", now=NOW)
            assert caught.value.code == "prior_not_found"
        with pytest.raises(ReportError) as error:
            priors.confirm(session, later, earlier, by=" ", now=NOW)
        assert error.value.code == "author_invalid"


def test_two_signed_reports_and_their_images_go_with_the_request(store: Store) -> None:
    old = signed(store, taken(store, 1, days_ago=900))
    ct = signed(store, taken(store, 2, days_ago=30, modality="CT", view=View.NONE))  # type: ignore[arg-type]
    recent = signed(store, taken(store, 3, days_ago=200))
    taken(store, 4, days_ago=2)
    later = taken(store, 5, "Wang^Xiaoming", site="south")
    with store.read() as session:
        given = priors.given(session, store.objects, later, most=2, most_images=3)
        one = priors.given(session, store.objects, later, most=1, most_images=0)
        none = priors.given(session, store.objects, later, most=0, most_images=3)
        kept = cases.key_images(session, recent)
    assert (none.looked, none.given) == (Looked.NOT_LOOKED, ())
    assert given.looked is Looked.FOUND
    # The same modality comes before a more recent CT.
    assert [prior.case_id for prior in given.given] == [recent, old]
    assert [len(prior.images) for prior in given.given] == [2, 1]
    first = given.given[0]
    assert (first.days_before, first.version, first.modality) == (200, 1, "CR")
    assert first.image_ids == tuple(image.image_id for image in kept)
    assert first.images[0].image_id == first.image_ids[0]
    assert (first.findings.zh, first.impression.en) == ("右下肺斑片影。", "Pneumonia.")
    assert [(prior.case_id, prior.images) for prior in one.given] == [(recent, ())]
    assert ct in ids(found(store, later).priors)


def test_a_report_changed_after_its_signature_is_not_given_and_the_next_takes_its_place(
    store: Store, store_settings: Settings
) -> None:
    old = signed(store, taken(store, 1, days_ago=900))
    bad = signed(store, taken(store, 2, days_ago=200))
    tampering.change_text(store_settings, bad, "右下肺斑片影", "右侧大量气胸")
    later = taken(store, 3, "Wang^Xiaoming", site="south")
    with store.read() as session:
        given = priors.given(session, store.objects, later, most=1, most_images=0)
    assert [prior.case_id for prior in given.given] == [old]


def test_the_line_asks_with_them(sqlite_store: Store) -> None:
    signed(sqlite_store, taken(sqlite_store, 1, days_ago=120))
    later = taken(sqlite_store, 2, "Wang^Xiaoming", site="south")
    profile = load_profile("qwen3-vl-8b-instruct")
    request = draft.prepare(later, store=sqlite_store, profile=profile, vision=None)
    assert not isinstance(request, Barred)
    assert [prior.days_before for prior in request.priors] == [120]
    body = json.loads(chat_body(request, profile, "qwen"))
    kinds = [part["type"] for part in body["messages"][1]["content"]]
    assert kinds == ["image_url", "image_url", "text", "image_url", "image_url", "text"]
    assert "小明" not in json.dumps(body, ensure_ascii=False)


def test_the_newest_version_without_identity(store: Store) -> None:
    case_id = signed(store, taken(store, 1, days_ago=120, patient_id="N-4711"))
    with store.begin() as session:
        amended = report_steps.amend(
            session, case_id, editor=person("王医生"), reason="更正", now=datetime.now(UTC)
        )
        text = "患者王小明（N-4711）2026年1月2日复查，王曉明左肺结节。"
        english = "Xiaoming Wang (N-4711) was seen again on 2 January 2026: left lung nodule."
        report = Report(case_id, (make_sentence("f1", text, english),), ())
        now = reports.save(
            session, case_id, report, base_revision=amended.revision, editor=person("王医生")
        )
        sign(session, case_id, base_revision=now.revision, signer=person("王医生"), now=NOW)
    later = taken(store, 2, "Wang^Xiaoming=王^曉明", site="south")
    with store.read() as session:
        (prior,) = priors.given(session, store.objects, later, most=2, most_images=4).given
    assert prior.version == 2
    assert "结节" in prior.findings.zh
    assert "nodule" in prior.findings.en
    shown = repr(prior)
    for word in ("小明", "曉明", "4711", "2026", "Xiaoming", "1月"):
        assert word not in shown, word


def test_a_study_taken_in_has_its_keys(store: Store) -> None:
    case_id = taken(store, 1)
    with store.begin() as session:
        before = session.scalars(sa.select(PatientKeyRow.key)).all()
        patient_keys.add(session, case_id, Patient("north-00001", "王小明", BORN, "M"))
        assert session.scalars(sa.select(PatientKeyRow.key)).all() == before
    assert {"b:1970-03-05", "n:NORTH-00001", "p:aaggiimnnowx"} <= set(before)


def test_a_store_from_before_gets_its_keys(store: Store, store_settings: Settings) -> None:
    case_id = taken(store, 1)
    since = ("finding_scores", "backfill_workers", "backfill_items", "backfills",
             "visits", "turn_marks", "inquiry_events", "inquiries",
             "commitment_offers", "commitment_requests", "sent_instances",
             "patient_changes", "sent_identities", "patient_records", "order_links",
             "ordered_cases", "order_messages", "orders", "outbox",
             "archive_rejects", "archived_texts", "archived_reports", "key_bindings",
             "phrases", "template_rules", "report_templates", "rejections", "draft_workers",
             "sentence_pairs", "reader_languages", "language_rules",
             "offered_texts", "recovery_codes", "second_factor_codes", "second_factors",
             "reading_assignments", "reading_rules", "image_retakes",
             "arrival_devices", "arrival_thumbnails", "image_verdicts",
             "pair_images", "retention_steps", "retention_rules", "open_pages",
             "worklist_views", "worklist_columns", "worklist_filling", "patient_keys",
             "prior_links", "draft_leases", "signature_links", "signature_head",
             "alert_events", "alerts", "critical_drafts", "found_warnings",
             "dismissals", "memberships", "sessions", "sign_in_links", "known_addresses",
             "accounts", "failed_sign_ins", "machine_tokens", "report_steps",
             "signature_rules", "audit_events", "audit_head", "worklist_entries",
             "name_keys")  # fmt: skip
    with store.engine.begin() as connection:
        before = set(connection.execute(sa.select(PatientKeyRow.case_id, PatientKeyRow.key)).all())
        for trigger in v0015_worklist.TRIGGERS:
            connection.execute(
                sa.text(f"DROP FUNCTION {trigger}() CASCADE")
                if store_settings.database_url
                else sa.text(f"DROP TRIGGER {trigger}")
            )
        for table, column in v0009_people.COLUMNS.items():
            connection.execute(sa.text(f"ALTER TABLE {table} DROP COLUMN {column}"))
        for column in (*v0014_two_signatures.COLUMNS, "steps"):
            connection.execute(sa.text(f"ALTER TABLE reports DROP COLUMN {column}"))
        connection.execute(sa.text("ALTER TABLE cases DROP COLUMN priority"))
        for column in ("version", "kind", "outcome", "polarity", "sources"):
            connection.execute(sa.text(f"ALTER TABLE turns DROP COLUMN {column}"))
        connection.execute(sa.text("ALTER TABLE training_pairs DROP COLUMN rejected"))
        for table in since:
            connection.execute(sa.text(f"DROP TABLE {table}"))
        for index in ("ix_key_images_image_id", "ix_training_pairs_case_id",
                      "ix_study_identities_accession",
                      "ix_arrivals_received_at", "ix_arrivals_repeated_at"):  # fmt: skip
            connection.execute(sa.text(f"DROP INDEX {index}"))
        for column in ("repeats", "repeated_at", "inbox"):
            connection.execute(sa.text(f"ALTER TABLE arrivals DROP COLUMN {column}"))
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0005'"))
    opened = open_store(store_settings)
    with opened.read() as session:
        after = set(session.execute(sa.select(PatientKeyRow.case_id, PatientKeyRow.key)).all())
    opened.close()
    assert before == after != set()
    assert {row.case_id for row in after} == {case_id}


def test_the_order_of_arrival_does_not_matter(store: Store) -> None:
    later = taken(store, 1)
    assert found(store, later).state is Looked.NONE
    earlier = taken(store, 2, "Wang^Xiaoming", site="south", days_ago=300)
    assert ids(found(store, later).priors) == [earlier]
    assert replace(found(store, later).priors[0], reasons=()).days_before == 300
