"""A composed sentence reads back as what it was made of, by the project's own finding reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings, strategies as st

from radraft.reports.composing import compose, states_exactly
from radraft.reports.findings._places import places_of
from radraft.reports.findings.extract import extract
from radraft.reports.findings.values import Change, Mention
from radraft.reports.findings.vocabulary import Kind, Region, vocabulary
from radraft.reports.values import LANGS, Certainty, Lang, Laterality

PRESENT, ABSENT, UNCERTAIN = Certainty.PRESENT, Certainty.ABSENT, Certainty.UNCERTAIN
LEFT, RIGHT, BOTH = Laterality.LEFT, Laterality.RIGHT, Laterality.BILATERAL
CODES = tuple(code for code in vocabulary() if code != "no_finding")
SIDES = (None, *Laterality)
SIZES: tuple[tuple[float, ...], ...] = ((), (12.0,), (12.5, 8.0))
UNSAID = {
    ("zh", "thyroid_abnormality"),
    ("en", "thyroid_abnormality"),
    ("zh", "other_hernia"),
    ("en", "pleural_calcification"),
}
"""Codes that stand for several things, of which no word says all: nothing is composed of them."""


def facts(mention: Mention) -> tuple[object, ...]:
    return (mention.code, mention.polarity, mention.laterality, mention.size_mm)


def one_by_one() -> Iterator[Mention]:
    for code in CODES:
        for certainty in Certainty:
            for side in SIDES:
                for sizes in SIZES if certainty is not ABSENT else SIZES[:1]:
                    yield Mention(code, certainty, side, size_mm=sizes)


@pytest.mark.parametrize("lang", LANGS)
def test_every_finding_on_every_side_reads_back_as_itself_or_is_not_composed(lang: Lang) -> None:
    left_out: Counter[str] = Counter()
    composed = 0
    for mention in one_by_one():
        text = compose([mention], lang)
        if text is None:
            left_out[mention.code] += 1
            continue
        composed += 1
        assert {facts(read) for read in extract(text, lang)} == {facts(mention)}, text
    print(f"{lang}: {composed} composed, {left_out.total()} not: {dict(left_out)}")
    # Devices have no size, and the midline no side: only such are left out of what has words.
    assert composed > 5_600
    never = {code for code in CODES if not any(_says(code, sure, lang) for sure in Certainty)}
    assert {(lang, code) for code in never} == {pair for pair in UNSAID if pair[0] == lang}


def _says(code: str, certainty: Certainty, lang: Lang) -> bool:
    return compose([Mention(code, certainty)], lang) is not None


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("certainty", list(Certainty))
def test_every_finding_is_said_at_every_certainty(lang: Lang, certainty: Certainty) -> None:
    silent = {(lang, code) for code in CODES if not _says(code, certainty, lang)}
    assert silent == {pair for pair in UNSAID if pair[0] == lang}


@st.composite
def mentions(draw: st.DrawFn) -> Mention:
    code = draw(st.sampled_from(CODES))
    certainty = draw(st.sampled_from(list(Certainty)))
    place = draw(st.sampled_from([None, *sorted(places_of(code))]))
    is_finding = vocabulary()[code].kind is Kind.FINDING and certainty is not ABSENT
    sizes: tuple[float, ...] = ()
    change = None
    if is_finding:
        tenths = draw(st.lists(st.integers(5, 1200), max_size=3))
        sizes = tuple(number / 10 for number in tenths)
        change = draw(st.sampled_from([None, Change.NEW, Change.INCREASED, Change.STABLE]))
    return Mention(code, certainty, draw(st.sampled_from(SIDES)), place, change, sizes)


@settings(max_examples=300, deadline=None)
@given(stated=st.lists(mentions(), min_size=1, max_size=4), lang=st.sampled_from(LANGS))
def test_several_findings_together_read_back_as_themselves(
    stated: list[Mention], lang: Lang
) -> None:
    text = compose(stated, lang)
    if text is not None:
        assert {facts(read) for read in extract(text, lang)} == {facts(each) for each in stated}
        assert states_exactly(text, lang, stated)


NODULE = Mention("pulmonary_nodule", PRESENT, RIGHT, "upper_lobe", size_mm=(12.0,))
EFFUSIONS = Mention("pleural_effusion", PRESENT, BOTH)


@pytest.mark.parametrize(
    ("stated", "zh", "en"),
    [
        (
            [NODULE],
            "右肺上叶结节，大小约12mm。",
            "Pulmonary nodule in the right upper lobe, measuring 12 mm.",
        ),
        (
            [EFFUSIONS, Mention("cardiomegaly", PRESENT)],
            "双侧胸腔积液；心脏增大。",
            "Bilateral pleural effusions; cardiomegaly.",
        ),
        (
            [Mention("pneumothorax", ABSENT), Mention("pleural_effusion", ABSENT)],
            "未见气胸及胸腔积液。",
            "No pneumothorax or pleural effusion.",
        ),
        (
            [Mention("pneumonia", UNCERTAIN, LEFT), Mention("pneumothorax", ABSENT)],
            "左肺肺炎可能。未见气胸。",
            "Possible pneumonia in the left lung. No pneumothorax.",
        ),
        (
            [Mention("pleural_effusion", PRESENT, LEFT, change=Change.INCREASED)],
            "左侧胸腔积液，较前增多。",
            "Left pleural effusion, increased.",
        ),
        (
            [Mention("pulmonary_nodule", PRESENT, LEFT, size_mm=(12.5, 8.0), change=Change.NEW)],
            "新发左肺结节，大小约12.5mm×8mm。",
            "New pulmonary nodule in the left lung, measuring 12.5 mm x 8 mm.",
        ),
        (
            [Mention("pneumothorax", PRESENT, RIGHT, percent=30.0)],
            "右侧气胸，压缩约30%。",
            "Right pneumothorax, about 30%.",
        ),
        (
            [Mention("endotracheal_tube", PRESENT)],
            "可见气管插管。",
            "Endotracheal tube in place.",
        ),
        (
            [Mention("no_finding", PRESENT)],
            "心肺未见明显异常。",
            "No acute cardiopulmonary abnormality.",
        ),
    ],
)
def test_sentences_are_in_the_words_of_the_field(stated: list[Mention], zh: str, en: str) -> None:
    assert compose(stated, "zh", Region.CHEST) == zh
    assert compose(stated, "en", Region.CHEST) == en


def test_nothing_is_composed_of_nothing() -> None:
    assert compose([], "zh") is None


def test_a_side_that_the_language_does_not_give_a_finding_is_not_dropped() -> None:
    assert compose([Mention("cardiomegaly", PRESENT, LEFT)], "zh") is None
