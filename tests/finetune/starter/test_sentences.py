"""Every sentence pair says what it is filed under, in both languages, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations

import pytest

from radraft.finetune.starter.compose import NO_FINDING, bank
from radraft.finetune.starter.values import Pair, Seen
from radraft.llm.profiles import Bounds
from radraft.llm.wire import report_schema
from radraft.reports.findings import english
from radraft.reports.findings.extract import claims_prior, extract
from radraft.reports.findings.schemes import scheme
from radraft.reports.findings.vocabulary import counted_as, vocabulary
from radraft.reports.values import Certainty, Lang

BOUNDS = Bounds(findings=8, impression=1, zh_chars=40, en_chars=120)
LANGS: tuple[Lang, Lang] = ("zh", "en")
# Words for a side, a number, a size, an order in time; none is in the labels.
BEYOND = {
    "zh": re.compile(r"[左右双两多新旧大小]|较前|复查|[0-9]"),
    "en": re.compile(r"\b(left|right|both|bilateral|multiple|new|again|prior|small|large)\b|\d"),
}


def _filed() -> Iterator[tuple[tuple[str, ...], Seen, Pair]]:
    for code, named in bank().findings.items():
        for seen, pairs in named.pairs.items():
            for pair in pairs:
                yield (code,), seen, pair
    for statement in bank().absent_together:
        for pair in statement.pairs:
            yield statement.codes, Seen.ABSENT, pair
    for seen, pairs in bank().no_finding.items():
        for pair in pairs:
            # That an image is abnormal names no finding, and its normality has no hedge to read.
            yield (() if seen is Seen.ABSENT else (NO_FINDING,)), Seen.STATED, pair
    left = (*bank().unassessed_findings, *bank().unassessed_impression)
    for pair in (bank().unreadable_findings, bank().unreadable_impression, *left):
        yield (), Seen.STATED, pair


def _framed() -> Iterator[tuple[dict[str, Seen], Pair]]:
    """Each impression frame with each single name, or with two names one stated, one suggested."""
    for code, named in bank().findings.items():
        for seen in Seen:
            for frame in bank().impression[seen.value]:
                names = {seen.value: named.name}
                yield {code: seen}, _filled(frame, names)
    for first, second in combinations(bank().findings, 2):
        for frame in bank().impression["both"]:
            names = {
                "stated": bank().findings[first].name,
                "suggested": bank().findings[second].name,
            }
            yield {first: Seen.STATED, second: Seen.SUGGESTED}, _filled(frame, names)


def _filled(frame: Pair, names: dict[str, Pair]) -> Pair:
    return Pair(
        frame.zh.format(**{key: name.zh for key, name in names.items()}),
        frame.en.format(**{key: name.en for key, name in names.items()}),
    )


def _assert_says(pair: Pair, said: dict[str, Seen]) -> None:
    """Exactly `said` is read from either language, in one nothing that the other has not."""
    for lang, text in zip(LANGS, (pair.zh, pair.en), strict=True):
        mentions = extract(text, lang)
        assert {counted_as(mention.code): mention.polarity for mention in mentions} == {
            code: Certainty.ABSENT if seen is Seen.ABSENT else Certainty.PRESENT
            for code, seen in said.items()
        }, text
        assert len(mentions) == len(said), text
        for one in mentions:
            assert (one.laterality, one.anatomy, one.change, one.size_mm) == (None,) * 3 + ((),)
        assert not claims_prior(text, lang), text
    assert {
        counted_as(statement.mention.code): statement.hedge.name == "SUGGESTED"
        for statement in english.statements(pair.en)
    } == {code: seen is Seen.SUGGESTED for code, seen in said.items()}, pair.en


@pytest.mark.parametrize(
    ("codes", "seen", "pair"), [pytest.param(*one, id=one[2].en) for one in _filed()]
)
def test_a_pair_says_its_findings_as_they_are_seen(
    codes: Sequence[str], seen: Seen, pair: Pair
) -> None:
    _assert_says(pair, dict.fromkeys(codes, seen))
    assert ("提示" in pair.zh) is (seen is Seen.SUGGESTED)


def test_a_frame_says_its_names_as_they_are_seen() -> None:
    for said, pair in _framed():
        _assert_says(pair, said)


@pytest.mark.parametrize("pair", [pytest.param(one[2], id=one[2].en) for one in _filed()])
def test_a_pair_is_short_and_has_only_the_characters_of_a_draft(pair: Pair) -> None:
    assert_fits(pair)
    # 心影不大 denies a size.
    assert not BEYOND["zh"].search(re.sub("增大|不大", "", pair.zh))
    assert not BEYOND["en"].search(pair.en.lower())


def assert_fits(pair: Pair) -> None:
    """The pair may be drafted under a starter's bounds."""
    properties = report_schema(BOUNDS)["properties"]["findings"]["items"]["properties"]
    assert re.fullmatch(properties["zh"]["pattern"][1:-1], pair.zh), pair.zh
    assert re.fullmatch(properties["en"]["pattern"][1:-1], pair.en), pair.en
    assert len(pair.zh) <= BOUNDS.zh_chars
    assert len(pair.en) <= BOUNDS.en_chars


@pytest.mark.parametrize("lang", LANGS)
def test_no_sentence_is_there_twice(lang: Lang) -> None:
    texts = [getattr(pair, lang) for _, _, pair in _filed()]
    assert sorted(set(texts)) == sorted(texts)


def test_there_are_two_or_three_wordings_of_everything() -> None:
    entries = [*(named.pairs for named in bank().findings.values()), bank().no_finding]
    assert {len(pairs) for entry in entries for pairs in entry.values()} == {2, 3}
    assert all(len(statement.pairs) == 2 for statement in bank().absent_together)


def test_the_findings_are_the_codes_of_chestxray14_and_lung_opacity() -> None:
    codes = set(bank().findings)
    assert codes <= vocabulary().keys()
    labels = scheme("nih14").labels
    assert all(len(label.codes & codes) == 1 for label in labels)
    assert len(codes) == len(labels) + 1
    assert "lung_opacity" in codes


def test_longer_lists_of_absent_findings_are_tried_first() -> None:
    lengths = [len(statement.codes) for statement in bank().absent_together]
    assert lengths == sorted(lengths, reverse=True)
