"""Critical findings that are described: what counts as one, and how it is read."""

from __future__ import annotations

import pytest

from radraft.reports import descriptions
from radraft.reports.critical import critical_mentions, preset
from radraft.reports.descriptions import described
from radraft.reports.findings.extract import extract
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import vocabulary
from radraft.reports.values import Certainty, Lang, Laterality

LEFT, RIGHT = Laterality.LEFT, Laterality.RIGHT
PRESENT, ABSENT, UNCERTAIN = Certainty.PRESENT, Certainty.ABSENT, Certainty.UNCERTAIN


def read(text: str, lang: Lang) -> list[Mention]:
    return list(described(text, lang, extract(text, lang)))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_each_name_that_stands_for_a_description_is_read_as_its_code(lang: Lang) -> None:
    names = descriptions._table(lang).names
    sentence = "There is {}." if lang == "en" else "考虑{}。"
    for key, name in names.items():
        code = key.rstrip("#")
        stated = {mention.code for mention in extract(sentence.format(name), lang)}
        assert code in stated, (code, name)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_sign_describes_a_critical_finding_that_has_a_name(lang: Lang) -> None:
    table = descriptions._table(lang)
    for sign in table.signs:
        assert vocabulary()[sign.code].critical, sign.code
        assert sign.code in table.names


@pytest.mark.parametrize(
    ("text", "lang", "code", "polarity", "side"),
    [
        ("Lucency is seen under the left hemidiaphragm.", "en", "pneumoperitoneum", PRESENT, LEFT),
        ("No lucency is seen under the diaphragm.", "en", "pneumoperitoneum", ABSENT, None),
        ("Possible gas in the wall of the caecum.", "en", "pneumatosis_intestinalis",
         UNCERTAIN, None),
        ("The right kidney is torn.", "en", "renal_rupture", PRESENT, RIGHT),
        ("右肾实质见裂口。", "zh", "renal_rupture", PRESENT, RIGHT),
        ("右侧睾丸内血流信号消失。", "zh", "testicular_torsion", PRESENT, RIGHT),
        ("颞骨岩部可疑透亮线。", "zh", "skull_base_fracture", UNCERTAIN, None),
    ],
)  # fmt: skip
def test_a_description_is_denied_hedged_and_sided_as_a_name_is(
    text: str, lang: Lang, code: str, polarity: Certainty, side: Laterality | None
) -> None:
    found = [one for one in read(text, lang) if one.code == code]
    assert {(one.polarity, one.laterality) for one in found} == {(polarity, side)}


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("Air in the stomach, no gas in the portal vein.", "en"),
        ("Gas in the colon. The portal vein is patent.", "en"),
        ("Bubbles in the bowel but not in its wall.", "en"),
        ("Air under the diaphragm lies within the stomach.", "en"),
        ("Reason for exam: air under the diaphragm?", "en"),
        ("If air is seen under the diaphragm, call the surgeon.", "en"),
        ("Suture lines are noted in the mediastinum.", "en"),
        ("Foreign body sensation in the distal esophagus.", "en"),
        ("左膈下透亮影为胃泡。", "zh"),
        ("肠管积气，门静脉显影良好。", "zh"),
        ("硬膜囊受压，脊髓形态正常。", "zh"),
        ("临床诊断：膈下透亮影待查。", "zh"),
    ],
)
def test_what_is_apart_denied_asked_or_explained_is_no_description(text: str, lang: Lang) -> None:
    assert [one for one in read(text, lang) if one.polarity is not ABSENT] == []


@pytest.mark.parametrize(
    ("text", "lang", "counts"),
    [
        ("The infrarenal aorta measures 6.4 cm.", "en", True),
        ("The infrarenal aorta measures 2.1 cm.", "en", False),
        ("The infrarenal aorta measures up to the norm.", "en", False),
        ("Septum pellucidum is displaced 9 mm to the right.", "en", True),
        ("Septum pellucidum is displaced 2 mm to the right.", "en", False),
        ("肾动脉以下腹主动脉管径约5.6cm。", "zh", True),
        ("肾动脉以下腹主动脉管径约1.9cm。", "zh", False),
        ("右肺压缩40%。", "zh", True),
        ("右肺压缩5%。", "zh", False),
    ],
)
def test_the_measure_of_what_is_described_is_held_against_the_limit(
    text: str, lang: Lang, counts: bool
) -> None:
    assert bool(critical_mentions(text, lang, preset())) is counts


@pytest.mark.parametrize(
    ("text", "lang", "words"),
    [
        ("Chest clear. Spleen is fractured. Nothing else.", "en", "Spleen is fractured"),
        ("Liver normal.\nThe left kidney is torn.", "en", "kidney is torn"),
        ("骨质完整。脾 实质见 裂口。", "zh", "脾 实质见 裂口"),
        ("骨質完整。右側睪丸內血流消失。", "zh", "睪丸內血流消失"),
    ],
)
def test_a_description_spans_its_own_words_in_the_text_as_given(
    text: str, lang: Lang, words: str
) -> None:
    spans = {text[one.start : one.end] for one in read(text, lang)}
    assert any(words in span and "。" not in span and "." not in span for span in spans), spans


def test_what_a_text_names_is_not_described_once_more() -> None:
    text = "Free air under the right hemidiaphragm."
    assert extract(text, "en")[0].code == "pneumoperitoneum"
    assert [one.code for one in read(text, "en")] == []
