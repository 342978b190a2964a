"""Figures by site and week, counted by hand from a few signed reports."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from radraft.core.errors import NotFound
from radraft.core.weeks import Week
from radraft.finetune.trend.facts import Known, Ledger, Made, corrections
from radraft.finetune.trend.values import Corrected, Fact, Kind, Spread
from radraft.finetune.trend.weeks import EFFECT, figures, spread, trend, trends, turns
from radraft.llm.adapter import AdapterMove, AdapterState, GateRecord, GateStage
from radraft.reports.edits import Edit, EditStats, SentenceEdit
from radraft.reports.values import Report, Section
from radraft.store import adapters, report_steps
from radraft.store.database import Store
from tests.builders import person
from tests.finetune.trend.made import (
    FIRST,
    MONDAY,
    OTHER,
    SAID,
    SECOND,
    WEEK,
    add,
    drafted,
    edited,
    promote,
    register,
    sign_at,
)

KEPT = ("kept",) * 6
HOUR = timedelta(hours=1)


def size(*texts: tuple[str, str]) -> int:
    return sum(len(zh) + len(en) for zh, en in texts)


WHOLE = size(*SAID, SAID[4])
"""Characters of the draft: six findings and the impression."""


def fact(when: datetime = MONDAY, **changes: object) -> Fact:
    made = Fact(
        site="north",
        signed_at=when,
        first=True,
        drafted=True,
        adapter_id=None,
        edits={Edit.KEPT: 5},
        unchanged=True,
        distance=0.0,
        seconds=None,
        corrections={},
        untouched=100,
        characters=100,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_one_week_counted_by_hand(store: Store) -> None:
    with store.begin() as session:
        same = add(session, 1, site="north", made_at=MONDAY)
        sign_at(session, same, None, MONDAY + HOUR, seconds=300)
        other = add(session, 2, site="north", made_at=MONDAY)
        edits = ("kept", "reworded", "kept", "corrected", "deleted", "kept")
        report = edited(drafted(other), edits, missed=True)
        sign_at(session, other, report, MONDAY + 2 * HOUR, seconds=600)
        add(session, 3, site="north", made_at=MONDAY)
        alone = add(session, 4, site="north", made_at=MONDAY, with_draft=False)
        sign_at(session, alone, drafted(alone), MONDAY + 3 * HOUR, seconds=840)
    (site,) = trends(store)
    (week,) = site.weeks
    assert (site.site, str(week.week)) == ("north", "2026-W38")
    found = week.all
    assert (found.drafts, found.signed, found.amended, found.unchanged) == (3, 2, 0, 1)
    assert found.edits == {
        Edit.KEPT: 7 + 4,
        Edit.REWORDED: 1,
        Edit.CORRECTED: 1,
        Edit.DELETED: 1,
        Edit.ADDED: 1,
    }
    assert found.minutes == Spread(2, 7.5, 6.25, 7.5, 8.75)
    assert found.distance is not None
    assert found.distance.n == 2
    # Quartiles of zero and one other value.
    assert found.distance.low == pytest.approx(found.distance.high / 3)
    assert found.untouched == WHOLE + size(SAID[0], SAID[2], SAID[5], SAID[4])
    assert found.characters == WHOLE + sum(len(one.zh) + len(one.en) for one in report.sentences)
    assert {one.code: one.added for one in found.corrected}["fracture"] == 1
    assert {one.code: one.corrected for one in found.corrected}["pneumothorax"] == 1
    assert {one.code: one.deleted for one in found.corrected}["pneumonia"] == 1
    assert (week.unaided.signed, week.unaided.minutes) == (1, Spread(1, 14, 14, 14, 14))
    assert site.unaided == 1


def test_the_distance_is_the_mean_of_both_languages(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        case_id = add(session, 1, site="north", made_at=MONDAY)
        draft = drafted(case_id)
        short = Report(case_id, draft.findings[:5], draft.impression)
        sign_at(session, case_id, short, MONDAY)
    (site,) = trends(sqlite_store)
    zh, en = (sum(len(text[lang]) + 1 for text in (*SAID, SAID[4])) - 1 for lang in (0, 1))
    expected = ((len(SAID[5][0]) + 1) / zh + (len(SAID[5][1]) + 1) / en) / 2
    assert site.weeks[0].all.distance is not None
    assert site.weeks[0].all.distance.median == pytest.approx(expected)


def test_an_amendment_counts_apart_and_in_its_own_week(store: Store) -> None:
    with store.begin() as session:
        case_id = add(session, 1, site="north", made_at=MONDAY)
        sign_at(session, case_id, None, MONDAY + HOUR)
        report_steps.amend(
            session, case_id, editor=person("李编辑"), reason="更正", now=datetime.now(UTC)
        )
        changed = edited(drafted(case_id), ("reworded",) * 6)
        sign_at(session, case_id, changed, MONDAY + WEEK)
    (site,) = trends(store)
    first, second = site.weeks
    assert (first.all.signed, first.all.amended, first.all.unchanged) == (1, 0, 1)
    assert (second.all.signed, second.all.amended) == (0, 1)
    assert second.all.sentences == second.all.characters == 0
    assert (second.all.distance, second.all.unchanged_share, second.all.shares) == (None,) * 3
    assert site.total.edits[Edit.REWORDED] == 0


def test_a_moved_sentence_is_no_unchanged_report(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        case_id = add(session, 1, site="north", made_at=MONDAY)
        draft = drafted(case_id)
        turned = replace(draft, findings=(*draft.findings[1:], draft.findings[0]))
        sign_at(session, case_id, turned, MONDAY)
    (site,) = trends(sqlite_store)
    assert (site.total.unchanged, site.total.edits[Edit.KEPT]) == (0, 7)
    assert site.total.untouched == site.total.characters == WHOLE


def test_sites_and_adapters_are_kept_apart(store: Store) -> None:
    with store.begin() as session:
        for number, (site, adapter_id) in enumerate(
            (("north", None), ("north", FIRST), ("north", FIRST), ("south", None)), start=1
        ):
            case_id = add(session, number, site=site, made_at=MONDAY, adapter_id=adapter_id)
            sign_at(session, case_id, None, MONDAY + HOUR)
    north, south = trends(store)
    parts = {adapter.adapter_id: adapter.figures.signed for adapter in north.weeks[0].adapters}
    assert parts == {None: 1, FIRST: 2}
    assert [one.figures.drafts for one in north.weeks[0].adapters] == [1, 2]
    assert (north.weeks[0].all.signed, south.weeks[0].all.signed) == (3, 1)
    assert [one.site for one in trends(store, site="south")] == ["south"]
    with pytest.raises(NotFound, match="trend_site_unknown"):
        trends(store, site="nowhere")


def test_a_ledger_reads_only_what_is_new(store: Store) -> None:
    ledger = Ledger()
    with store.begin() as session:
        sign_at(session, add(session, 1, site="north", made_at=MONDAY), None, MONDAY)
    assert trends(store, ledger=ledger)[0].total.signed == 1
    with store.begin() as session:
        sign_at(session, add(session, 2, site="north", made_at=MONDAY), None, MONDAY + WEEK)
    assert trends(store, ledger=ledger) == trends(store)
    assert trends(store, ledger=ledger)[0].total.signed == 2


def test_promotions_and_what_came_before_and_after(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        register(session, FIRST, "north")
        register(session, SECOND, "north")
        promote(session, FIRST, "north", MONDAY + WEEK)
        promote(session, SECOND, "north", MONDAY + 2 * WEEK, FIRST)
        for number, weeks_on in enumerate((0, 1.5, 2.5, 2.6, 7), start=1):
            case_id = add(session, number, site="north", made_at=MONDAY)
            sign_at(session, case_id, None, MONDAY + weeks_on * WEEK)
    (site,) = trends(sqlite_store)
    first, second = site.turns
    assert (first.adapter_id, first.kind, first.at) == (FIRST, Kind.PROMOTED, MONDAY + WEEK)
    assert (first.before.signed, first.after.signed) == (1, 1)
    assert (second.adapter_id, second.before.signed, second.after.signed) == (SECOND, 1, 2)


def test_turns_as_the_registry_writes_them(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        for adapter_id, serving in ((FIRST, None), (SECOND, FIRST)):
            register(session, adapter_id, "north")
            adapters.record(session, passed(adapter_id, serving))
            adapters.promote(session, adapter_id, by="陈确认")
        adapters.roll_back(session, "north", by="陈确认", reason="worse")
        adapters.roll_back(session, "north", by="陈确认", reason="worse still")
        register(session, OTHER, "north")
        adapters.record(session, passed(OTHER, None))
        adapters.promote(session, OTHER, by="陈确认")
        found = turns(adapters.moves(session, site="north"), [])
    assert [(turn.kind, turn.adapter_id) for turn in found] == [
        (Kind.PROMOTED, FIRST),
        (Kind.PROMOTED, SECOND),
        (Kind.ROLLED_BACK, FIRST),
        (Kind.ROLLED_BACK, None),
        (Kind.PROMOTED, OTHER),
    ]


def passed(adapter_id: str, serving: str | None) -> GateRecord:
    return GateRecord(
        site="north",
        stage=GateStage.ADAPTER,
        adapter_id=adapter_id,
        serving_id=serving,
        base="starter@0123456789abcdef",
        passed=True,
        checks=(),
        changed={},
        tested={},
        affects={},
        decided_at=MONDAY,
    )


def test_the_effect_of_a_turn_ends_with_four_weeks() -> None:
    shadow, serving = AdapterState.SHADOW, AdapterState.SERVING
    moves = [AdapterMove("a", "north", shadow, serving, "x", "", MONDAY)]
    facts = [
        fact(MONDAY - EFFECT - HOUR),
        fact(MONDAY - EFFECT),
        fact(MONDAY),
        fact(MONDAY + EFFECT - HOUR),
        fact(MONDAY + EFFECT),
    ]
    (turn,) = turns(moves, facts)
    assert (turn.before.signed, turn.after.signed) == (1, 2)


def test_weeks_are_those_of_iso_8601_in_utc() -> None:
    sunday = datetime(2027, 1, 3, 23, 30, tzinfo=UTC)
    assert str(Week.of(sunday)) == "2026-W53"
    assert str(Week.of(sunday + HOUR)) == "2027-W01"
    assert Week.of(sunday + HOUR).since(Week(2026, 53)) == 1
    assert Week(2027, 1).before(2) == Week(2026, 52)


def sentence(edit: Edit, *codes: str, sides: tuple[str, ...] = ()) -> SentenceEdit:
    return SentenceEdit("f1", Section.FINDINGS, edit, False, 0.0, 0.0, codes, sides)


def test_a_report_counts_a_finding_once() -> None:
    stats = EditStats(
        (
            sentence(Edit.CORRECTED, "cardiomegaly"),
            sentence(Edit.CORRECTED, "cardiomegaly", sides=("pleural_effusion",)),
            sentence(Edit.DELETED, "pneumonia", "pneumothorax"),
            sentence(Edit.ADDED, "fracture", "pneumothorax"),
            sentence(Edit.REWORDED),
        ),
        0.0,
        0.0,
    )
    assert corrections(stats) == {
        "cardiomegaly": Edit.CORRECTED,
        "pleural_effusion": Edit.CORRECTED,
        "pneumonia": Edit.DELETED,
        "pneumothorax": Edit.CORRECTED,
        "fracture": Edit.ADDED,
    }
    facts = [fact(corrections=corrections(stats)), fact(corrections={"pneumonia": Edit.ADDED})]
    found = figures(facts).corrected
    assert found[0] == Corrected("pneumonia", 0, 1, 1)
    assert [one.reports for one in found] == [2, 1, 1, 1, 1]
    assert [one.code for one in found[1:]] == sorted(one.code for one in found[1:])


def test_quartiles_lie_between_the_values() -> None:
    assert spread([1, 2, 3, 4]) == Spread(4, 2.5, 1.75, 2.5, 3.25)
    assert spread([]) is None


def test_only_the_newest_year_is_shown() -> None:
    known = Known((fact(MONDAY), fact(MONDAY + WEEK), fact(MONDAY + 52 * WEEK)), (), ())
    found = trend(known, "north")
    assert (len(found.weeks), len(found.shown), found.total.signed) == (3, 2, 2)


def test_a_site_with_drafts_alone() -> None:
    found = trend(Known((), (Made("north", Week.of(MONDAY), FIRST, 4),), ()), "north")
    assert (found.total.drafts, found.total.signed, found.guard.slope) == (4, 0, None)
    assert not found.guard.warning


EDITS = st.dictionaries(st.sampled_from(list(Edit)), st.integers(0, 9))
FACTS = st.builds(
    fact,
    when=st.integers(0, 30).map(lambda days: MONDAY + timedelta(days=days)),
    site=st.sampled_from(["north", "south"]),
    first=st.booleans(),
    drafted=st.booleans(),
    adapter_id=st.sampled_from([None, FIRST, SECOND]),
    edits=EDITS,
)


@given(facts=st.lists(FACTS, max_size=25))
def test_shares_add_up_and_every_pair_is_counted_once(facts: list[Fact]) -> None:
    found = [trend(Known(tuple(facts), (), ()), site) for site in ("north", "south")]
    counted: Counter[str] = Counter()
    for week in (week for one in found for week in one.weeks):
        parts = [adapter.figures for adapter in week.adapters]
        assert sum(part.signed for part in parts) == week.all.signed
        assert sum(part.amended for part in parts) == week.all.amended
        for edit in Edit:
            assert sum(part.edits[edit] for part in parts) == week.all.edits[edit]
        if week.all.shares is not None:
            assert sum(week.all.shares.values()) == pytest.approx(1)
        counted["first"] += week.all.signed + week.unaided.signed
        counted["later"] += week.all.amended + week.unaided.amended
    assert counted["first"] == sum(one.first for one in facts)
    assert counted["later"] == sum(not one.first for one in facts)
