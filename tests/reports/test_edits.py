from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from radraft.reports.edits import Edit, SentenceEdit, distance, edit_stats
from radraft.reports.skeleton import skeleton
from radraft.reports.values import Origin, Report, Section, Sentence, both
from tests.builders import make_report, make_sentence
from tests.reports.strategies import reports


def test_each_kind_of_edit() -> None:
    draft = make_report("c-1", 3, 1)
    first, _, third = draft.findings
    signed = Report(
        "c-1",
        (third, first.reworded(zh="所见f9。")),
        (make_sentence("p1", "新", "new"), *draft.impression),
    )
    stats = edit_stats(draft, signed)
    found = [(e.sentence_id, e.section, e.edit, e.moved) for e in stats.sentences]
    assert found == [
        ("f3", Section.FINDINGS, Edit.KEPT, True),
        ("f1", Section.FINDINGS, Edit.REWORDED, False),
        ("p1", Section.IMPRESSION, Edit.ADDED, False),
        ("i1", Section.IMPRESSION, Edit.KEPT, False),
        ("f2", Section.FINDINGS, Edit.DELETED, False),
    ]
    by_id = {edit.sentence_id: edit for edit in stats.sentences}
    # One character of five.
    assert by_id["f1"].distance_zh == pytest.approx(0.2)
    assert by_id["f1"].distance_en == 0.0
    assert (by_id["f2"].distance_zh, by_id["p1"].distance_en) == (1.0, 1.0)
    assert 0 < stats.distance_zh < 1


OPACITY = ("右下肺野见斑片状密度增高影。", "Patchy opacity is seen in the right lower lung field.")


def change(before: tuple[str, str], after: tuple[str, str]) -> SentenceEdit:
    """The one edit between two reports of one sentence."""
    draft = Report("c-1", (make_sentence("f1", *before),), ())
    signed = Report("c-1", (make_sentence("f1", *after),), ())
    (edit,) = edit_stats(draft, signed).sentences
    return edit


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OPACITY, ("右下肺可见斑片影。", "There is a patchy opacity in the right lower lung.")),
        (
            ("未见胸腔积液。", "No pleural effusion."),
            ("双侧未见胸腔积液。", "There is no pleural effusion on either side."),
        ),
        (("心影增大。", "Enlarged heart."), ("心影增大，心胸比0.58。", "Cardiomegaly.")),
    ],
)
def test_other_words_for_the_same_are_reworded(
    before: tuple[str, str], after: tuple[str, str]
) -> None:
    edit = change(before, after)
    assert (edit.edit, edit.findings, edit.sides) == (Edit.REWORDED, (), ())


@pytest.mark.parametrize(
    ("after", "findings", "sides"),
    [
        (
            ("左下肺野见斑片状密度增高影。", OPACITY[1].replace("right", "left")),
            (),
            ("lung_opacity",),
        ),
        # In one language only.
        ((OPACITY[0].replace("右", "左"), OPACITY[1]), (), ("lung_opacity",)),
        ((OPACITY[0], "Both lungs are clear."), ("lung_opacity",), ()),
        (("右下肺野未见密度增高影。", OPACITY[1]), ("lung_opacity",), ()),
        ((OPACITY[0], "Possible opacity in the right lower lung field."), ("lung_opacity",), ()),
        # Still an opacity, but more is said of it.
        (("右下肺野见实变影。", "Consolidation in the right lower lung."), ("consolidation",), ()),
        (
            ("左下肺野见斑片状密度增高影，左侧胸腔积液。", OPACITY[1]),
            ("pleural_effusion",),
            ("lung_opacity",),
        ),
    ],
)
def test_other_findings_are_corrected(
    after: tuple[str, str], findings: tuple[str, ...], sides: tuple[str, ...]
) -> None:
    edit = change(OPACITY, after)
    assert (edit.edit, edit.findings, edit.sides) == (Edit.CORRECTED, findings, sides)


def test_an_addition_names_what_it_brought_and_a_deletion_what_it_took() -> None:
    said = Report("c-1", (make_sentence("f1", *OPACITY),), ())
    silent = Report("c-1", (), ())
    for pair, kind in (((silent, said), Edit.ADDED), ((said, silent), Edit.DELETED)):
        (edit,) = edit_stats(*pair).sentences
        assert (edit.edit, edit.findings, edit.sides) == (kind, ("lung_opacity",), ())


def test_writing_from_the_skeleton_is_all_added() -> None:
    stats = edit_stats(skeleton("c-1"), make_report("c-1"))
    assert {edit.edit for edit in stats.sentences} == {Edit.ADDED}
    assert (stats.distance_zh, stats.distance_en) == (1.0, 1.0)


def test_a_change_of_section_is_a_move() -> None:
    draft = make_report("c-1", 2, 0)
    signed = Report("c-1", draft.findings[:1], draft.findings[1:])
    (kept, moved) = edit_stats(draft, signed).sentences
    assert (kept.moved, moved.moved, moved.edit) == (False, True, Edit.KEPT)
    assert moved.section is Section.IMPRESSION


@pytest.mark.slow
@given(report=reports())
def test_nothing_changed_is_zero(report: Report) -> None:
    stats = edit_stats(report, report)
    assert (stats.distance_zh, stats.distance_en) == (0.0, 0.0)
    assert {(e.edit, e.moved, e.distance_zh, e.distance_en) for e in stats.sentences} <= {
        (Edit.KEPT, False, 0.0, 0.0)
    }


def written(report: Report) -> Report:
    """`report` without lines of a template, which are an edit of nobody's where they stay."""

    def by_person(sentence: Sentence) -> Sentence:
        texts = both(sentence.zh, sentence.en, Origin.PERSON)
        return replace(sentence, wordings=texts)

    return replace(
        report,
        findings=tuple(map(by_person, report.findings)),
        impression=tuple(map(by_person, report.impression)),
    )


@pytest.mark.slow
@given(one=reports().map(written), other=reports().map(written))
def test_the_distances_are_symmetric_and_bounded(one: Report, other: Report) -> None:
    there, back = edit_stats(one, other), edit_stats(other, one)
    assert there.distance_zh == back.distance_zh
    assert there.distance_en == back.distance_en
    turned = {Edit.ADDED: Edit.DELETED, Edit.DELETED: Edit.ADDED}
    assert {
        e.sentence_id: (turned.get(e.edit, e.edit), e.distance_zh, e.distance_en, e.findings)
        for e in there.sentences
    } == {e.sentence_id: (e.edit, e.distance_zh, e.distance_en, e.findings) for e in back.sentences}
    assert len(there.sentences) == len({s.id for s in (*one.sentences, *other.sentences)})
    for edit in there.sentences:
        assert 0.0 <= edit.distance_zh <= 1.0
        assert 0.0 <= edit.distance_en <= 1.0
    assert 0.0 <= there.distance_zh <= 1.0


@given(text=st.text(min_size=1, max_size=30))
def test_text_against_none_has_nothing_in_common(text: str) -> None:
    assert distance(text, "") == distance("", text) == 1.0
    assert distance("", "") == 0.0
