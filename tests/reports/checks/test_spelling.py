from __future__ import annotations

import json
from pathlib import Path

import pytest

from radraft.reports.checks.reading import read_report
from radraft.reports.checks.run import UNKNOWN
from radraft.reports.checks.spelling import EnglishSpelling, Homophones, Lookalikes, typos
from radraft.reports.checks.values import Severity
from radraft.reports.values import Lang, Report
from tests.builders import make_sentence

_REFERENCE = Path(__file__).resolve().parents[4] / "shared/data/vocabulary_zh/word_frequency.json"


def mended(text: str, lang: Lang) -> str:
    for typo in reversed(typos(text, lang)):
        text = text[: typo.start] + typo.right + text[typo.end :]
    return text


MISSPELT = [
    ("Small plueral effusion.", "Small pleural effusion."),
    ("Left pnuemothorax.", "Left pneumothorax."),
    ("Mild cardiomegally.", "Mild cardiomegaly."),
    ("Bibasilar atelectsis.", "Bibasilar atelectasis."),
    ("Consolodation in the right lower lobe.", "Consolidation in the right lower lobe."),
    ("No focal infiltratte.", "No focal infiltrate."),
    ("NO PLEURLA EFFUSION.", "NO PLEURAL EFFUSION."),
    ("Degenrative changes of the thoracic spine.", "Degenerative changes of the thoracic spine."),
    ("Plural effusion on the left.", "Pleural effusion on the left."),
    ("Calcified plague of the aorta.", "Calcified plaque of the aorta."),
    ("Vertical body heights are maintained.", "Vertebral body heights are maintained."),
    ("Enlarged prostrate.", "Enlarged prostate."),
    ("Small bowl obstruction.", "Small bowel obstruction."),
    ("Left breath shadow.", "Left breast shadow."),
    ("A 5 mm module in the right lung.", "A 5 mm nodule in the right lung."),
]


@pytest.mark.parametrize(("text", "right"), MISSPELT)
def test_a_misspelt_word_is_mended(text: str, right: str) -> None:
    assert mended(text, "en") == right


RIGHT_ENGLISH = [
    "Oedema, haemothorax and a tumour of the oesophagus.",
    "Seen in supine position; the costal margin and the ilium are normal.",
    "Shortness of breath. Fecal material in the colon.",
    "No change in the local appearance at the vascular junction.",
    "Dr Carina Colan was told.",
    "Nonspecific perihilar and suprahilar opacities, subpleural nodularity.",
    "Vertical lucency in the left lung.",
    "Homogenous and heterogenous density, visualised laterally.",
    "Injection of contrast; standing view; the module was replaced.",
]


@pytest.mark.parametrize("text", RIGHT_ENGLISH)
def test_a_right_english_word_is_left_alone(text: str) -> None:
    assert typos(text, "en") == ()


WRONG_CHARACTERS = [
    ("右废门影增大。", "右肺门影增大。", "typo_homophone"),
    ("右侧胸腔积夜。", "右侧胸腔积液。", "typo_homophone"),
    ("双侧胸摸增厚。", "双侧胸膜增厚。", "typo_homophone"),
    ("末见骨折。", "未见骨折。", "typo_lookalike"),
    ("右肺结界。", "右肺结节。", "typo_homophone"),
    ("肺文理增粗。", "肺纹理增粗。", "typo_homophone"),
    ("左侧助骨骨折。", "左侧肋骨骨折。", "typo_lookalike"),
    ("胸追退行性变。", "胸椎退行性变。", "typo_homophone"),
    ("磨坡璃影。", "磨玻璃影。", "typo_lookalike"),
    ("胆襄结石。", "胆囊结石。", "typo_lookalike"),
    ("血馆走行清息。", "血管走行清晰。", "typo_homophone"),
]


@pytest.mark.parametrize(("text", "right", "code"), WRONG_CHARACTERS)
def test_a_wrong_character_is_mended(text: str, right: str, code: str) -> None:
    assert mended(text, "zh") == right
    assert {typo.code for typo in typos(text, "zh")} == {code}


RIGHT_CHINESE = [
    "右肺不张，左肺部清晰。",
    "骨结构完整，心胸比0.50，右肋角变钝。",
    "两肺未见异常，肠系膜淋巴结不大，胰管扩张。",
    "纵膈居中，气管分叉角正常。",
    "右侧腋窝淋巴结，末节指骨。",
    "腔隙性脑梗死，髌股关节间隙变窄。",
    "影响右肺门区观察，图象清晰。",
]


@pytest.mark.parametrize("text", RIGHT_CHINESE)
def test_a_right_chinese_word_is_left_alone(text: str) -> None:
    assert typos(text, "zh") == ()


@pytest.mark.skipif(not _REFERENCE.exists(), reason="reference words are not here")
def test_no_word_of_real_reports_is_taken_for_an_error() -> None:
    words = json.loads(_REFERENCE.read_text(encoding="utf-8"))["word_freq"]
    assert [word for word in words if typos(word, "zh")] == []


def test_issues_name_the_word_the_mend_and_the_language() -> None:
    sentence = make_sentence("f1", "末见骨折，右肺门影增大。", "Bilateral plueral thickening.")
    read = read_report(Report("c-1", (sentence,), ()), UNKNOWN)
    (english,) = EnglishSpelling().find(read)
    (chinese,) = Lookalikes().find(read)
    assert list(Homophones().find(read)) == []
    assert (english.lang, english.mend, english.severity) == ("en", "pleural", Severity.WARN)
    assert (english.at[0].start, english.at[0].end) == (10, 17)
    assert "plueral" in english.message_en
    assert (chinese.lang, chinese.mend) == ("zh", "未见")
    assert "末见" in chinese.message_zh


def test_what_may_be_another_word_is_only_a_hint() -> None:
    (typo,) = typos("右侧气凶。", "zh")
    assert (typo.right, typo.certain) == ("气胸", False)
