from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from radraft.reports.diff import Kind, diff, moved_ids
from radraft.reports.values import Report
from tests.builders import make_sentence
from tests.reports.strategies import reports


def report(findings: str, impression: str = "") -> Report:
    return Report(
        "c-1",
        tuple(make_sentence(key) for key in findings),
        tuple(make_sentence(key) for key in impression),
    )


def test_moving_one_sentence_moves_one() -> None:
    assert moved_ids(report("abcde"), report("eabcd")) == {"e"}
    assert moved_ids(report("abcde"), report("bcdea")) == {"a"}
    assert moved_ids(report("abcde", "x"), report("abde", "xc")) == {"c"}


def test_adding_and_deleting_moves_nothing() -> None:
    assert moved_ids(report("abc"), report("xaybzc")) == frozenset()
    assert moved_ids(report("abcde"), report("ce")) == frozenset()


@pytest.mark.slow
@given(one=reports())
def test_a_report_does_not_differ_from_itself(one: Report) -> None:
    assert diff(one, one) == ()


@pytest.mark.slow
@given(one=reports(), other=reports())
def test_a_difference_turns_round(one: Report, other: Report) -> None:
    there = {(change.sentence_id, change.kind) for change in diff(one, other)}
    back = {(change.sentence_id, change.kind) for change in diff(other, one)}
    turned = {Kind.ADDED: Kind.DELETED, Kind.DELETED: Kind.ADDED}
    still = {Kind.ADDED, Kind.DELETED, Kind.REWORDED, Kind.KEPT}
    assert {(key, turned.get(kind, kind)) for key, kind in there if kind in still} == {
        item for item in back if item[1] in still
    }


@given(keys=st.permutations("abcdefg"))
def test_what_did_not_move_is_in_the_old_order(keys: list[str]) -> None:
    moved = moved_ids(report("abcdefg"), report("".join(keys)))
    stayed = [key for key in keys if key not in moved]
    assert stayed == sorted(stayed)
    # Taking out fewer would not do: each moved one is out of order with some that stayed.
    for key in moved:
        index = keys.index(key)
        assert any((keys.index(other) < index) != (other < key) for other in stayed)


def test_a_sentence_can_be_reworded_and_moved() -> None:
    after = report("bca")
    after = replace(after, findings=(*after.findings[:2], make_sentence("a", "新", "new")))
    assert [(change.sentence_id, change.kind) for change in diff(report("abc"), after)] == [
        ("a", Kind.REWORDED),
        ("a", Kind.MOVED),
    ]


def test_keeping_a_sentence_is_a_change_of_no_words() -> None:
    before = report("ab")
    after = replace(before, findings=(before.findings[0], replace(before.findings[1], kept=True)))
    for one, other in ((before, after), (after, before)):
        (change,) = diff(one, other)
        assert (change.sentence_id, change.kind) == ("b", Kind.KEPT)
        assert (change.before_zh, change.before_en) == (change.after_zh, change.after_en)
