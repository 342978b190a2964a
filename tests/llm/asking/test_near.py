"""What is shown where nothing answers; the words that it goes by; the sentence model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from radraft.llm.asking.near import NEAREST, nearest
from radraft.llm.asking.questions import language
from radraft.llm.asking.values import SourceSentence
from radraft.llm.sentences import Array, SentenceEncoder
from radraft.reports.findings._chinese_matcher import Matcher
from radraft.reports.findings.concepts import Kind, Vocabulary
from radraft.reports.findings.terms import (
    chinese_head,
    chinese_patterns,
    english_head,
    english_words,
)
from tests.llm.followup_set import cases

VOCABULARY = Vocabulary.load()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Is there a pericardial effusion?", {"pericardial_effusion"}),
        ("PLEURAL EFFUSIONS?", {"pleural_effusion"}),
        ("心包积液", {"pericardial_effusion"}),
        ("ground-glass", {"ground_glass"}),
        ("massive", set()),
    ],
)
def test_the_longest_word_names_the_concept(text: str, names: set[str]) -> None:
    assert VOCABULARY.question(text).names == names


def test_words_that_are_no_concept_are_kept() -> None:
    assert VOCABULARY.question("Is there an azygos fissure?").rest == ("azygos", "fissure")
    assert VOCABULARY.question("请问有没有气胸呢？").rest == ()


def test_the_extractors_terms_name_a_findings_concept() -> None:
    assert "pacemaker" in VOCABULARY.sentence("", "A cardioverter defibrillator is in place.").names
    assert "pleural_effusion" in VOCABULARY.sentence("左侧胸腔少量积液", "").names
    assert VOCABULARY.question("脂肪肝？").names == {"liver"}


def test_no_word_of_a_finding_stands_twice() -> None:
    twice = []
    for name, concept in VOCABULARY.concepts.items():
        english = {word for code in concept.codes for word in english_words(code)}
        english |= {word for head in concept.heads.en for word in english_head(head)}
        chinese = Matcher()
        patterns = [pattern for code in concept.codes for pattern in chinese_patterns(code)]
        patterns += [pattern for head in concept.heads.zh for pattern in chinese_head(head)]
        for pattern in patterns:
            chinese.add(pattern, ("concept", name))
        twice += [word for word in concept.en if word.lower() in english]
        twice += [
            word for word in concept.zh
            if [(token.start, token.end) for token in chinese.find(word)] == [(0, len(word))]
        ]  # fmt: skip
    assert twice == []


def test_every_finding_and_device_of_a_question_is_one_of_the_vocabulary() -> None:
    kinds = (Kind.FINDING, Kind.DEVICE)
    named = [name for name, concept in VOCABULARY.concepts.items() if concept.kind in kinds]
    without = [name for name in named if not VOCABULARY.concepts[name].codes]
    # Said of the lungs as a whole; the extractor reads it as a statement of normality.
    assert without == ["lung_clear"]


@pytest.mark.parametrize(
    "text",
    [
        "concepts: {a: {kind: nonsense}}\nfunction_words: {zh: x, en: x}",
        "concepts: {a: {kind: finding, parent: b}}\nfunction_words: {zh: x, en: x}",
        "concepts: {a: {kind: finding, codes: [b]}}\nfunction_words: {zh: x, en: x}",
        "concepts: {a: {kind: finding, heads: {zh: [b]}}}\nfunction_words: {zh: x, en: x}",
        "concepts: {a: {kind: finding, typo: 1}}\nfunction_words: {zh: x, en: x}",
    ],
)
def test_a_vocabulary_that_does_not_hold_together_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Vocabulary(text)


class Remembering(SentenceEncoder):
    """Embeds the sentences of a report, and each question, once for all tests that ask."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self._kept: dict[tuple[bool, tuple[str, ...]], Array] = {}

    def _encode(self, texts: Sequence[str], *, is_query: bool) -> Array:
        key = is_query, tuple(texts)
        if key not in self._kept:
            self._kept[key] = super()._encode(texts, is_query=is_query)
        return self._kept[key]


@pytest.fixture(scope="module")
def e5() -> SentenceEncoder:
    return Remembering.load()


@pytest.mark.slow
def test_embeddings_rank_bilingual_sentences(e5: SentenceEncoder) -> None:
    passages = e5.passages(
        [
            "右侧少量胸腔积液。 Small right pleural effusion.",
            "心影大小正常。 The heart size is normal.",
            "未见肋骨骨折。 No rib fracture.",
        ]
    )
    queries = e5.queries(["pleural effusion", "heart size", "肋骨骨折", "rib fracture", "胸腔积液"])
    assert passages.shape == (3, 384) and queries.shape == (5, 384)
    assert (queries @ passages.T).argmax(axis=1).tolist() == [0, 1, 2, 2, 0]
    np.testing.assert_allclose(np.linalg.norm(passages, axis=1), 1, atol=1e-5)
    assert e5.passages([]).shape == (0, 384)


@pytest.mark.slow
def test_a_sentence_that_answers_is_nearly_always_among_the_nearest(e5: SentenceEncoder) -> None:
    shown = answerable = 0
    for item in cases():
        held = (*item.report.findings, *item.report.impression)
        sentences = [SourceSentence(one.id, one.zh, one.en) for one in held]
        for question in item.questions:
            text = " ".join([*(turn[0] for turn in question.history), question.text])
            passages = e5.passages([one.text(language(question.text)) for one in sentences])
            near = nearest(text, sentences, passages @ e5.queries([text])[0])
            answerable += bool(question.cites)
            shown += bool({sentence.id for sentence in near} & question.cites)
    print(f"an answering sentence among the nearest: {shown} of {answerable}")
    assert shown / answerable >= 0.95


def test_where_a_word_is_shared_vectors_have_no_say() -> None:
    held = [
        SourceSentence("0", "心影不大。", "Heart not enlarged."),
        SourceSentence("1", "未见气胸。", "No pneumothorax."),
    ]
    scores = np.array([0.9, 0.1], np.float32)
    found = nearest("How large is the pneumothorax?", held, scores)
    assert [sentence.id for sentence in found] == ["1"]


def test_where_none_is_shared_the_nearest_vectors_are_shown() -> None:
    held = [SourceSentence(str(n), "心影不大。", "") for n in range(5)]
    scores = np.array([0.1, 0.4, 0.3, 0.2, 0.5], np.float32)
    found = nearest("azygos?", held, scores)
    assert [sentence.id for sentence in found] == ["4", "1", "2"]
    assert len(found) == NEAREST
