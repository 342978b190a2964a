"""One person's edits in two pages: put together where nothing is lost, asked otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from radraft.reports.merging import merged
from radraft.reports.values import Report, Sentence
from tests.builders import make_report, make_sentence
from tests.reports.strategies import reports

BASE = make_report("c-1")


def reworded(report: Report, key: str, **texts: str) -> Report:
    def change(sentences: tuple[Sentence, ...]) -> tuple[Sentence, ...]:
        return tuple(s.reworded(**texts) if s.id == key else s for s in sentences)

    return replace(report, findings=change(report.findings), impression=change(report.impression))


def without(report: Report, key: str) -> Report:
    return replace(report, findings=tuple(s for s in report.findings if s.id != key))


def words(report: Report | None) -> dict[str, tuple[str, str]]:
    assert report is not None
    return {sentence.id: (sentence.zh, sentence.en) for sentence in report.sentences}


def test_different_sentences_are_put_together() -> None:
    found = words(merged(BASE, reworded(BASE, "f1", zh="一"), reworded(BASE, "f2", zh="二")))
    assert (found["f1"][0], found["f2"][0]) == ("一", "二")


def test_the_chinese_and_the_english_of_one_sentence_are_put_together() -> None:
    found = merged(BASE, reworded(BASE, "f1", zh="一"), reworded(BASE, "f1", en="One."))
    assert words(found)["f1"] == ("一", "One.")
    assert found is not None
    assert found.findings[0].finding is None


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (reworded(BASE, "f1", zh="一"), reworded(BASE, "f1", zh="二")),
        (reworded(BASE, "f1", zh="一", en="One."), reworded(BASE, "f1", zh="二")),
        (without(BASE, "f1"), reworded(BASE, "f1", zh="二")),
        (reworded(BASE, "f1", en="One."), without(BASE, "f1")),
        (
            replace(BASE, findings=(*BASE.findings[1:], BASE.findings[0])),
            replace(BASE, findings=BASE.findings[::-1]),
        ),
        (
            replace(BASE, findings=(*BASE.findings, make_sentence("p1", "一", "one"))),
            replace(BASE, findings=(*BASE.findings, make_sentence("p1", "二", "two"))),
        ),
    ],
    ids=["same words", "one of two", "deleted here", "deleted there", "order", "added twice"],
)
def test_the_same_sentence_asks(mine: Report, theirs: Report) -> None:
    assert merged(BASE, mine, theirs) is None


def test_additions_follow_their_neighbours_and_moves_stay() -> None:
    added = make_sentence("p1", "新", "new")
    mine = replace(BASE, findings=(BASE.findings[0], added, *BASE.findings[1:]))
    theirs = replace(BASE, findings=BASE.findings[::-1])
    found = merged(BASE, mine, theirs)
    assert found is not None
    assert [sentence.id for sentence in found.findings] == ["f3", "f2", "f1", "p1"]


@given(reports(), reports())
def test_who_changed_nothing_changes_nothing(base: Report, changed: Report) -> None:
    assert merged(base, base, changed) == changed
    assert words(merged(base, changed, base)) == words(changed)
    assert words(merged(base, changed, changed)) == words(changed)


@st.composite
def edits(draw: st.DrawFn) -> tuple[Report, Report, Report]:
    """A report, and two of what may have become of it."""
    base = draw(reports())

    def edited() -> Report:
        def of(sentences: tuple[Sentence, ...], name: str) -> tuple[Sentence, ...]:
            found = []
            for sentence in sentences:
                what = draw(st.sampled_from(["same", "zh", "en", "gone", "added"]))
                if what == "zh":
                    found.append(sentence.reworded(zh=draw(st.sampled_from("甲乙"))))
                elif what == "en":
                    found.append(sentence.reworded(en=draw(st.sampled_from("ab"))))
                elif what != "gone":
                    found.append(sentence)
                if what == "added":
                    key = f"{name}-{sentence.id}"
                    found.append(make_sentence(key, draw(st.sampled_from("丙丁")), ""))
            return tuple(found)

        name = draw(st.sampled_from(["m", "t"]))
        return replace(base, findings=of(base.findings, name), impression=of(base.impression, name))

    return base, edited(), edited()


@given(edits())
def test_nothing_that_either_wrote_is_lost_and_nothing_deleted_comes_back(
    case: tuple[Report, Report, Report],
) -> None:
    base, mine, theirs = case
    found = merged(base, mine, theirs)
    if found is None:
        return
    was, result = words(base), words(found)
    for side in (mine, theirs):
        own = words(side)
        for key, texts in own.items():
            before = was.get(key, ("", ""))
            for place, text in enumerate(texts):
                if text != before[place]:
                    assert result[key][place] == text
        assert not (was.keys() - own.keys()) & result.keys()
    assert result.keys() <= words(mine).keys() | words(theirs).keys()


@given(edits())
def test_it_is_the_same_from_either_side(case: tuple[Report, Report, Report]) -> None:
    base, mine, theirs = case
    one, other = merged(base, mine, theirs), merged(base, theirs, mine)
    assert (one is None) == (other is None)
    if one is not None:
        assert words(one) == words(other)
