"""Laws of answers, whatever is asked: nothing stated is denied, both languages go one way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product

import pytest

from radraft.llm.asking.deciding import decide
from radraft.llm.asking.lexicon import lexicon
from radraft.llm.asking.questions import Asked, read_question
from radraft.llm.asking.values import Outcome, Polarity, Source, SourceSentence
from radraft.reports.findings.vocabulary import Kind, vocabulary
from radraft.reports.values import Lang

DENIALS = (Outcome.NOT_MENTIONED, Outcome.REFUSED, Outcome.CANNOT_ANSWER)
ASKED: tuple[tuple[Lang, str], ...] = (
    ("zh", "有没有{zh}？"),
    ("zh", "{zh}有吗"),
    ("en", "is there {en}?"),
    ("en", "any {en}?"),
    ("en", "{en}?"),
)


def report(*sentences: tuple[str, str]) -> Source:
    return Source(
        "r",
        datetime(2031, 5, 1, tzinfo=UTC),
        tuple(SourceSentence(f"f{n}", zh, en) for n, (zh, en) in enumerate(sentences, 1)),
    )


def findings() -> Iterator[tuple[str, str]]:
    """Names of findings that one can ask after, by the vocabulary."""
    for one in vocabulary().values():
        plain = " or " not in one.en and "或" not in one.zh and "ther " not in one.en
        if one.kind is Kind.FINDING and plain and lexicon().of_code(one.code):
            yield one.zh, one.en.lower()


NAMES = sorted(findings())


@pytest.mark.parametrize(("zh", "en"), NAMES[::16])
def test_what_a_sentence_states_no_answer_denies(zh: str, en: str) -> None:
    stated = report((f"可见{zh}。", f"There is {en}."))
    for lang, form in ASKED:
        found = decide(form.format(zh=zh, en=en), stated, [], lang=lang)
        assert found.outcome not in DENIALS, (form, en)
        assert found.polarity is not Polarity.ABSENT, (form, en)


@pytest.mark.parametrize(("zh", "en"), NAMES[3::21])
def test_what_a_sentence_denies_no_answer_affirms(zh: str, en: str) -> None:
    denied = report((f"未见{zh}。", f"No {en}."))
    for lang, form in ASKED:
        found = decide(form.format(zh=zh, en=en), denied, [], lang=lang)
        assert found.polarity is not Polarity.PRESENT, (form, en)


def meaning(asked: Asked) -> tuple[object, ...]:
    return (
        asked.kind, frozenset(one.concepts for one in asked.subjects), asked.places, asked.sides,
        asked.spots, asked.sizes, asked.presumes, asked.exists,
    )  # fmt: skip


ALIKE = [
    ("右肺有结节吗", "is there a nodule in the right lung?"),
    ("结节多大？", "how big is the nodule?"),
    ("左侧胸腔积液在哪个部位", "where is the left pleural effusion?"),
    ("有没有肋骨骨折？", "any rib fracture?"),
    ("L4/5突出吗", "herniation at L4/5?"),
    ("哪边有气胸", "which side has the pneumothorax?"),
    ("肝囊肿8毫米吧", "liver cyst is 8 mm, right?"),
]


@pytest.mark.parametrize(("zh", "en"), ALIKE)
def test_both_languages_are_read_into_one_value(zh: str, en: str) -> None:
    first, second = meaning(read_question(zh)), meaning(read_question(en))
    assert first[:6] == second[:6]


REPORTS = [
    report(("右肺上叶结节，约8 mm。", "Nodule of the right upper lobe, 8 mm."),
           ("左侧少量胸腔积液。", "Small left pleural effusion."),
           ("未见气胸。", "No pneumothorax.")),
    report(("L4/5椎间盘突出约4 mm。", "L4/5 disc herniation of 4 mm."),
           ("未见骨折。", "No fracture.")),
    report(("肝右叶囊肿约12 mm。", "Cyst of the right liver lobe, 12 mm."),
           ("胆囊已切除。", "The gallbladder has been removed.")),
]  # fmt: skip


@pytest.mark.parametrize(("pair", "number"), list(product(ALIKE, range(len(REPORTS)))))
def test_both_languages_come_to_one_answer(pair: tuple[str, str], number: int) -> None:
    zh = decide(pair[0], REPORTS[number], [], lang="zh")
    en = decide(pair[1], REPORTS[number], [], lang="en")
    assert (zh.outcome, zh.polarity) == (en.outcome, en.polarity)
    assert [quote.part for quote in zh.quotes] == [quote.part for quote in en.quotes]


ORGANS = report(
    ("双肺清晰。", "The lungs are clear."),
    ("右锁骨陈旧骨折。", "Old fracture of the right clavicle."),
    ("PICC尖端位于上腔静脉。", "PICC with its tip in the SVC."),
    ("肝脏未见异常。", "The liver is normal."),
    ("左肾结石6 mm。", "Left renal stone of 6 mm."),
    ("脾脏轻度增大。", "The spleen is slightly enlarged."),
)
GENERAL = [
    ("肺里有问题吗", "anything wrong in the lungs?", "f1", Polarity.ABSENT),
    ("骨头有没有异常", "any bone abnormality?", "f2", None),
    ("有没有置管", "is there any catheter?", "f3", Polarity.PRESENT),
    ("肝正常吗", "is the liver normal?", "f4", Polarity.ABSENT),
    ("左肾怎么样", "what about the left kidney?", "f5", None),
    ("脾大不大", "is the spleen enlarged?", "f6", Polarity.PRESENT),
]


@pytest.mark.parametrize(("zh", "en", "part", "polarity"), GENERAL)
def test_questions_on_a_whole_organ_find_what_is_said_of_its_parts(
    zh: str, en: str, part: str, polarity: Polarity | None
) -> None:
    for question, lang in ((zh, "zh"), (en, "en")):
        found = decide(question, ORGANS, [], lang="zh" if lang == "zh" else "en")
        assert found.outcome is Outcome.ANSWERED
        assert part in {quote.part for quote in found.quotes}
        assert found.polarity in (polarity, None)


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("左锁骨骨折移位多少？", "f2"),
        ("how big is the right renal stone?", "f5"),
        ("左肾结石9 mm吧", "f5"),
        ("where does the liver lesion lie?", "f4"),
    ],
)
def test_what_a_question_takes_for_true_is_corrected_by_the_sentence(
    question: str, part: str
) -> None:
    found = decide(question, ORGANS, [], lang="en")
    assert found.outcome is Outcome.CORRECTED
    assert part in {quote.part for quote in found.quotes}


@pytest.mark.parametrize(
    "question",
    ["肝硬化有没有", "is the pancreas swollen?", "脾动脉瘤多大", "what is the SUVmax of the stone?",
     "any hip fracture?", "有起搏器吗", "is there subclavian steal?"],
)  # fmt: skip
def test_what_no_sentence_speaks_of_is_not_answered(question: str) -> None:
    found = decide(question, ORGANS, [], lang="en")
    if question != "肝硬化有没有":
        assert found.outcome is Outcome.NOT_MENTIONED
    else:
        # A liver that is called normal is not cirrhotic.
        assert found.polarity is Polarity.ABSENT
