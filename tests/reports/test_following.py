"""A sentence said in the other language by rules: only where every word of it was understood."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from radraft.reports.composing import states_exactly
from radraft.reports.findings.extract import extract
from radraft.reports.findings.vocabulary import Region
from radraft.reports.following import FollowSource, agree, composed_text, pair_key, paired_text
from radraft.reports.site_languages import LanguageRule, other_language
from radraft.reports.values import LANGS, Lang

SAID = [
    ("zh", "未见气胸。", "No pneumothorax."),
    ("zh", "右侧胸腔积液。", "Right pleural effusion."),
    ("zh", "左肺下叶实变。", "Consolidation in the left lower lobe."),
    ("zh", "可疑左肺上叶结节。", "Possible pulmonary nodule in the left upper lobe."),
    (
        "zh",
        "右肺上叶结节，大小约1.2cm×0.8cm。",
        "Pulmonary nodule in the right upper lobe, measuring 12 mm x 8 mm.",
    ),
    (
        "zh",
        "心影大小正常，未见胸腔积液、气胸。",
        "The heart is normal in size. No pleural effusion or pneumothorax.",
    ),
    (
        "zh",
        "双肺清晰，骨骼结构完整。",
        "Both lungs are clear. The osseous structures are intact.",
    ),
    (
        "zh",
        "肺血管、纵隔轮廓均正常。",
        "The pulmonary vasculature and mediastinal contour are normal.",
    ),
    ("zh", "心影增大。", "The cardiac silhouette is enlarged."),
    ("en", "No pneumothorax.", "未见气胸。"),
    ("en", "There is an 8 mm nodule in the right upper lobe.", "右肺上叶结节，大小约8mm。"),
    (
        "en",
        "No focal consolidation, pleural effusion, or pneumothorax.",
        "未见局灶性实变、胸腔积液、气胸。",
    ),
]
NOT_UNDERSTOOD = [
    ("zh", "少量右侧胸腔积液。"),
    ("zh", "右侧胸腔积液，较前增多。"),
    ("zh", "双侧胸腔积液，右侧为著。"),
    ("zh", "右肺结节3枚。"),
    ("zh", "除左侧气胸外未见异常。"),
    ("zh", "气胸不除外。"),
    ("zh", "未见气胸，请复查。"),
    ("zh", "右侧胸腔积液，12小时后复查。"),
    ("zh", "左侧气胸，压缩约30%，引流管在位良好。"),
    # The second clause alone would state what the whole denies.
    ("zh", "未见气胸，胸腔积液。"),
    ("zh", "。"),
    ("zh", ""),
    ("en", "Small right pleural effusion."),
    ("en", "Left pneumothorax is no longer seen."),
    ("en", "Not only pneumothorax but effusion."),
    ("en", "Right pleural effusion since surgery."),
]
OTHER_WORDS: dict[Lang, tuple[str, ...]] = {
    "zh": ("少量", "陈旧性", "除", "术后", "3枚", "较前", "待查", "外伤", "非"),
    "en": ("small", "old", "except", "postoperative", "three", "unlike", "trauma", "non"),
}


@pytest.mark.parametrize(("lang", "text", "said"), SAID)
def test_what_is_understood_is_said_in_the_other_language(lang: Lang, text: str, said: str) -> None:
    found = composed_text(text, lang, Region.CHEST)
    assert found is not None
    assert (found.lang, found.text) == (other_language(lang), said)
    assert found.source is FollowSource.COMPOSED


@pytest.mark.parametrize(("lang", "text"), NOT_UNDERSTOOD)
def test_what_is_not_understood_whole_is_not_said(lang: Lang, text: str) -> None:
    assert composed_text(text, lang, Region.CHEST) is None


@pytest.mark.slow
@given(st.sampled_from(SAID), st.data())
def test_one_word_that_is_not_understood_anywhere_and_nothing_is_said(
    said: tuple[Lang, str, str], data: st.DataObject
) -> None:
    lang, text, _ = said
    word = data.draw(st.sampled_from(OTHER_WORDS[lang]))
    if lang == "zh":
        place = data.draw(st.integers(0, len(text) - 1))
        changed = text[:place] + word + text[place:]
    else:
        words = text.split(" ")
        words.insert(data.draw(st.integers(0, len(words))), word)
        changed = " ".join(words)
    assert composed_text(changed, lang, Region.CHEST) is None


@pytest.mark.slow
@given(st.lists(st.sampled_from([text for lang, text, _ in SAID if lang == "zh"]), min_size=1))
def test_whatever_is_said_reads_back_as_the_same_and_the_checks_have_no_doubt(
    texts: list[str],
) -> None:
    text = "，".join(clause.rstrip("。") for clause in texts) + "。"
    found = composed_text(text, "zh", Region.CHEST)
    if found is not None:
        read = extract(text, "zh", Region.CHEST)
        assert states_exactly(found.text, "en", read, Region.CHEST)
        assert agree(text, "zh", found.text)


@pytest.mark.parametrize(
    "other",
    [
        "Left pleural effusion.",
        "No right pleural effusion.",
        "Right pneumothorax.",
        "Right pleural effusion, 3 cm.",
    ],
)
def test_a_pair_that_contradicts_itself_is_not_taken(other: str) -> None:
    text = "右侧胸腔积液。"
    assert paired_text(text, "zh", {("zh", pair_key(text)): other}, FollowSource.PAIR) is None


def test_a_pair_is_found_whatever_its_white_space_and_capitals() -> None:
    known = {("en", pair_key("No pneumothorax.")): "未见气胸。"}
    found = paired_text("  no  Pneumothorax", "en", known, FollowSource.TEMPLATE)
    assert found is not None
    assert (found.lang, found.text, found.source) == ("zh", "未见气胸。", FollowSource.TEMPLATE)
    assert paired_text("No pneumothorax.", "zh", known, FollowSource.PAIR) is None


@pytest.mark.parametrize("languages", [(), ("en", "zh"), ("zh", "zh")])
def test_a_site_has_languages_in_order(languages: tuple[Lang, ...]) -> None:
    with pytest.raises(ValueError, match="languages"):
        LanguageRule(languages)
    assert LanguageRule().languages == LANGS
