"""A house's report states the truth in both languages, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from radraft.bench.rehearsal.houses import House, build
from radraft.bench.rehearsal.mine import SIDED, mine
from radraft.bench.rehearsal.values import Group, Statement, Text, Truth
from radraft.finetune.starter.teacher import FINDINGS, NORMAL_ABSENT
from radraft.llm.profiles import load_profile
from radraft.llm.wire import report_schema
from radraft.reports.findings.extract import claims_prior, extract
from radraft.reports.findings.vocabulary import counted_as
from radraft.reports.values import LANGS, Certainty, Lang, Laterality
from tests.bench.rehearsal.houses_of_tests import HOUSES

DATA = Path(__file__).parents[4] / "shared" / "data"
PRESENT, ABSENT = Certainty.PRESENT, Certainty.ABSENT
LEFT, RIGHT = Laterality.LEFT, Laterality.RIGHT


def truths() -> Iterator[Truth]:
    """Every film a house may have to report, findings alone and in pairs."""
    yield Truth(Group.CHILD, frozenset(), {})
    yield Truth(Group.ADULT, frozenset(), {})
    for side in (None, LEFT, RIGHT):
        both = dict.fromkeys(("pneumonia", "lung_opacity"), side) if side else {}
        yield Truth(Group.CHILD, frozenset({"pneumonia"}), both)  # type: ignore[arg-type]
        for code in FINDINGS:
            if side is None or code in SIDED:
                yield Truth(Group.ADULT, frozenset({code}), {code: side} if side else {})
    for one, other in combinations(FINDINGS, 2):
        yield Truth(Group.ADULT, frozenset({one, other}), {})


def stated(text: Text, lang: Lang) -> set[tuple[str, Certainty]]:
    """What the whole report is read as."""
    whole = text.zh if lang == "zh" else text.en
    return {(counted_as(one.code), one.polarity) for one in extract(whole, lang)}


def wanted(truth: Truth) -> set[tuple[str, Certainty]]:
    """What it is to state, and nothing else."""
    if truth.group is Group.CHILD:
        certainty = PRESENT if truth.present else ABSENT
        return {("pneumonia", certainty), ("lung_opacity", certainty)}
    if truth.present:
        return {(code, PRESENT) for code in truth.present}
    return {("no_finding", PRESENT), *((code, ABSENT) for code in NORMAL_ABSENT)}


def assert_sound(house: House) -> None:
    """Of every truth: states exactly it, with its sides, in the form that a draft may have."""
    bounds = load_profile("starter").bounds
    items = report_schema(bounds)["properties"]["findings"]["items"]["properties"]
    patterns = {lang: re.compile(items[lang]["pattern"]) for lang in LANGS}
    for truth in truths():
        text = house.text(truth)
        assert 1 <= len(text.findings) <= bounds.findings
        assert 1 <= len(text.impression) <= bounds.impression
        for lang in LANGS:
            assert stated(text, lang) == wanted(truth), (house.name, truth, lang)
            for one in (*text.findings, *text.impression):
                assert patterns[lang].fullmatch(getattr(one, lang)), getattr(one, lang)
                assert not claims_prior(getattr(one, lang), lang)
            for one in text.findings:
                assert_sided(one, truth, lang)


def assert_sided(one: Statement, truth: Truth, lang: Lang) -> None:
    """The finding's side is the truth's, and no other finding has one."""
    for mention in extract(getattr(one, lang), lang):
        assert mention.laterality == truth.sides.get(counted_as(mention.code))


@pytest.mark.parametrize("house", HOUSES, ids=lambda house: house.name)
def test_our_own_frames_state_exactly_the_truth(house: House) -> None:
    assert_sound(house)
    assert house.mined == 0


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "reports_iu_zh_en").exists(), reason="needs the data folder")
def test_real_sentences_state_exactly_the_truth() -> None:
    found = mine(DATA)
    built = build(found)
    for house in built.values():
        assert_sound(house)
        assert house.mined > 0
    assert build(found) == built
    terse, narrative = built.values()
    normal = Truth(Group.ADULT, frozenset(), {})
    assert len(terse.text(normal).en) < len(narrative.text(normal).en)


def test_the_houses_differ_in_words_and_habits() -> None:
    terse, narrative = HOUSES
    for truth in truths():
        one, other = terse.text(truth), narrative.text(truth)
        assert one.zh != other.zh
        assert one.en != other.en
