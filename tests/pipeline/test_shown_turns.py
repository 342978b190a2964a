"""Answers that were kept, as whoever reads them later may see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.service import Service
from radraft.pipeline.shown_turns import ShownTurn, shown_turns
from radraft.reports.people import ActorRole, typed_actor
from radraft.reports.values import Origin, Report, Sentence, both
from radraft.store import cases, priors, questions
from radraft.store.database import Store
from radraft.store.questions import AnswerBasis, AnswerSource, SourceRole
from radraft.store.signatures import sign
from radraft.studies.values import Patient
from tests.builders import make_deid, make_draft, make_study, person, signed_in
from tests.ui import seed

EXAMINED = datetime(2026, 6, 1, 9, 30)
PATIENT = Patient("SHOWN-1", "Wei^Planted", date(1961, 4, 12), "M")
ACTOR = typed_actor("B", ActorRole.SERVICE, "site-a")
SIZES = ("1.2", "1.8", "2.4")
QUESTION = "结节历次的大小是多少？"


@pytest.fixture
def service(sqlite_store: Store, tmp_path: Path) -> Iterator[Service]:
    made = Service(sqlite_store, Settings(data_dir=tmp_path / "data"), load_profile("starter"))
    yield made
    made.trail.close()


@pytest.fixture
def studies(sqlite_store: Store) -> tuple[str, ...]:
    """Three signed studies of a patient, oldest first, with a nodule that grows."""
    made = []
    for number, size in enumerate(SIZES):
        days = 200 - 100 * number
        study = make_study(
            7300 + number,
            patient=PATIENT,
            study_time=EXAMINED - timedelta(days=days),
            age_years=65,
        )
        deid = make_deid(7300 + number, patient_ref="p-shown-turns-01")
        with sqlite_store.begin() as session:
            cases.add_study(
                session, site="site-a", study=study, deid=deid, issues=(), original_keys=()
            )
        text = both(f"右肺上叶结节，大小约 {size} cm。", f"Right upper lobe nodule, {size} cm.",
                    Origin.MODEL)  # fmt: skip
        report = Report(deid.case_id, (Sentence(f"s{number}", text),), ())
        seed.draft(sqlite_store, make_draft(deid.case_id, report))
        with sqlite_store.begin() as session:
            sign(session, deid.case_id, base_revision=1, signer=person("A"), now=datetime.now(UTC))
        made.append(deid.case_id)
    return tuple(made)


def shown(
    store: Store, case_id: str, sites: frozenset[str] | None = frozenset({"site-a"})
) -> ShownTurn:
    with store.read() as session:
        return shown_turns(session, case_id, sites)[-1]


def amend(service: Service, case_id: str) -> None:
    signer = signed_in(service.store, "林清")
    steps = service.case_view(case_id).working.steps
    working = service.signing.amend(case_id, actor=signer, base_step=steps, reason="复核")
    [sentence] = working.report.findings
    report = replace(
        working.report,
        findings=(
            sentence.reworded(
                zh="右肺上叶结节，大小约 0.9 cm。", en="Right upper lobe nodule, 0.9 cm."
            ),
        ),
    )
    saved = service.save(case_id, report, base_revision=working.revision, actor=signer)
    service.signing.sign(case_id, base_revision=saved.revision, base_step=saved.steps, actor=signer)


def test_sizes_over_time_are_kept_by_ids_and_read_again(
    service: Service, studies: tuple[str, ...]
) -> None:
    answered = service.ask(studies[-1], QUESTION, actor=ACTOR, sites=None)
    basis = answered.turn.basis
    assert basis is not None
    assert (basis.kind, basis.outcome) == ("series", "answered")
    # No word of a report is kept beside the answer but the sizes.
    assert "结节" not in repr(basis) and "Planted" not in repr(basis)
    found = shown(service.store, studies[-1])
    assert found.turn.answer == answered.answer.answer != ""
    assert [(size.size, size.mm) for size in found.sizes] == [
        (f"{size} cm", 10 * float(size)) for size in SIZES
    ]
    assert [size.quote.case_id for size in found.sizes] == list(studies)
    assert [quote.text for quote in found.quotes] == [q.text for q in answered.answer.quotes]
    assert [quote.date for quote in found.quotes] == [q.date for q in answered.answer.quotes]
    assert [quote.prior for quote in found.quotes] == [q.prior for q in answered.answer.quotes]


def test_of_a_report_that_may_not_be_seen_any_more_nothing_is_left(
    service: Service, studies: tuple[str, ...]
) -> None:
    oldest, _, newest = studies
    service.ask(newest, QUESTION, actor=ACTOR, sites=None)
    before = shown(service.store, newest)
    assert before.hidden == 0
    with service.store.begin() as session:
        priors.reject(session, newest, oldest, by="李医生", now=datetime.now(UTC))
    # Who is another person is one in all of his studies.
    after = shown(service.store, newest)
    assert (after.hidden, after.turn.answer) == (2, "")
    assert {quote.case_id for quote in after.quotes} <= {newest}
    assert [size.size for size in after.sizes] == [f"{SIZES[2]} cm"]
    elsewhere = shown(service.store, newest, frozenset({"site-b"}))
    assert {quote.case_id for quote in elsewhere.quotes} <= {newest}
    assert elsewhere.hidden == 2 and elsewhere.turn.answer == ""


def test_a_prior_that_was_amended_is_quoted_as_it_was_and_says_so(
    service: Service, studies: tuple[str, ...]
) -> None:
    service.ask(studies[-1], QUESTION, actor=ACTOR, sites=None)
    amend(service, studies[0])
    found = shown(service.store, studies[-1])
    assert {(q.version, q.newest) for q in found.quotes if q.case_id == studies[0]} == {(1, 2)}


def test_fields_are_kept_by_name_and_read_from_what_is_known(
    service: Service, studies: tuple[str, ...]
) -> None:
    answered = service.ask(studies[-1], "报告是谁写的？", actor=ACTOR, sites=None)
    basis = answered.turn.basis
    assert basis is not None
    assert [source.part for source in basis.sources] == ["author"]
    [quote] = shown(service.store, studies[-1]).quotes
    assert (quote.is_field, quote.text) == (True, "A")


def test_a_turn_from_before_is_shown_as_it_was(service: Service, studies: tuple[str, ...]) -> None:
    with service.store.begin() as session:
        turn = questions.add_turn(
            session,
            studies[-1],
            question="多大？",
            answer="报告中写道：右肺上叶结节。",
            lang="zh",
            citations=("s2",),
            refused=False,
            asked_by=ACTOR.who,
            version=1,
        )
    found = shown(service.store, studies[-1])
    assert (found.turn, found.quotes, found.hidden) == (turn, (), 0)
    assert turn.basis is None


def test_a_part_that_is_gone_is_counted_and_a_report_of_nowhere_too(
    service: Service, studies: tuple[str, ...]
) -> None:
    gone = (
        AnswerSource(SourceRole.QUOTED, studies[-1], 1, "no-such-sentence"),
        AnswerSource(SourceRole.QUOTED, "c-0000000000000000", 1, "s1"),
        AnswerSource(SourceRole.QUOTED, studies[-1], 1, "s2"),
    )
    with service.store.begin() as session:
        questions.add_turn(
            session,
            studies[-1],
            question="多大？",
            answer="报告中写道：",
            lang="zh",
            citations=("s2",),
            refused=False,
            asked_by=ACTOR.who,
            version=1,
            basis=AnswerBasis("size", "answered", None, gone),
        )
    found = shown(service.store, studies[-1])
    assert (found.hidden, [quote.part for quote in found.quotes]) == (2, ["s2"])
