from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from radraft.bench.contradictions import RIGHT, issues, recall, share_blocked
from radraft.reports.checks.languages import (
    findings_apart,
    negations_apart,
    numbers_apart,
    sides_apart,
)
from radraft.reports.checks.values import Severity

_DATA = Path(__file__).parent / "data" / "contradictions.jsonl"


def load() -> list[dict[str, Any]]:
    lines = _DATA.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


PAIRS = load()
CHANGED = [pair for pair in PAIRS if pair["changed"] is not None]
UNCHANGED = [pair for pair in PAIRS if pair["changed"] is None]


@pytest.mark.parametrize("pair", CHANGED, ids=lambda pair: pair["id"])
def test_what_one_language_says_otherwise_is_found(pair: dict[str, Any]) -> None:
    found = issues(pair["zh"], pair["en"])
    assert RIGHT[pair["changed"]] in {issue.code for issue in found}


@pytest.mark.parametrize("pair", UNCHANGED, ids=lambda pair: pair["id"])
def test_languages_that_say_the_same_never_block(pair: dict[str, Any]) -> None:
    found = issues(pair["zh"], pair["en"])
    assert [issue.code for issue in found if issue.severity is Severity.BLOCK] == []


SAME_NUMBERS = [
    ("结节约2.1cm。", "A nodule of 21 mm."),
    ("结节约２.1㎝。", "A nodule of 2.1 cm."),
    ("大小1.2×3.4厘米。", "Size 12 by 34 mm."),
    ("直径2-3cm。", "Diameter of 20 to 30 mm."),
    ("第4肋骨折。", "Fracture of the fourth rib."),
    ("第十二肋骨折。", "Fracture of the 12th rib."),
    ("T12椎体压缩。", "Compression of the twelfth thoracic vertebra."),
    ("两枚结节。", "Two nodules."),
    ("两枚结节。", "Nodules."),
    ("单枚结节。", "A nodule."),
    ("左肺压缩百分之三十。", "The left lung is compressed by 30%."),
    ("高度丢失三分之一。", "Loss of one third of the height."),
    ("高度丢失1/3。", "Loss of one third of the height."),
    ("建议3个月后复查。", "Follow-up in three months is advised."),
    ("建议半年后复查。", "Follow-up in half a year is advised."),
    ("建议两周后复查。", "Follow-up in 2 weeks is advised."),
    ("与2023年5月1日比较。", "Compared with May 1, 2023."),
    ("与2023-05-01比较。", "Compared with 1 May 2023."),
    ("与2023年5月1日比较。", "Compared with 05/01/23."),
    ("积液约1.5升。", "About 1500 ml of fluid."),
    ("BI-RADS 4类。", "BI-RADS category 4."),
    ("滑脱Ⅱ度。", "Slip, grade II."),
    ("新冠肺炎。", "COVID-19 pneumonia."),
    ("T2WI高信号。", "High signal on T2WI."),
    (
        "二尖瓣及三尖瓣钙化，十二指肠扩张。",
        "Calcified mitral and tricuspid valve, dilated duodenum.",
    ),
    ("进一步检查。", "Further examination."),
]


@pytest.mark.parametrize(("zh", "en"), SAME_NUMBERS)
def test_a_number_may_be_written_in_other_ways(zh: str, en: str) -> None:
    assert numbers_apart(zh, en) is None


OTHER_NUMBERS = [
    ("结节约2.1cm。", "A nodule of 2.1 mm."),
    ("结节约2.1cm。", "A nodule of 12 mm."),
    ("第4肋骨折。", "Fracture of the fifth rib."),
    ("T12椎体压缩。", "Compression of T11."),
    ("两枚结节。", "Three nodules."),
    ("左肺压缩30%。", "The left lung is compressed by 50%."),
    ("直径2-3cm。", "Diameter of 20 to 40 mm."),
    ("建议3个月后复查。", "Follow-up in 3 weeks is advised."),
    ("与2023年5月1日比较。", "Compared with May 1, 2021."),
    ("与2023年5月1日比较。", "Compared with June 1, 2023."),
    ("滑脱Ⅱ度。", "Slip, grade III."),
    ("9mm结节，位于第6肋。", "A 9 mm nodule at the 9th rib."),
    ("结节。", "A nodule of 6 mm."),
]


@pytest.mark.parametrize(("zh", "en"), OTHER_NUMBERS)
def test_another_number_blocks(zh: str, en: str) -> None:
    found = numbers_apart(zh, en)
    assert found is not None
    assert found.severity is Severity.BLOCK


SAME_SIDES = [
    ("双侧积液，右侧为多。", "Bilateral effusions, right greater than left."),
    ("双肺渗出，右侧大于左侧。", "Opacities in both lungs, more on the right."),
    ("双肺清晰。", "The lungs are clear."),
    ("两侧胸腔积液。", "Effusions on both sides."),
    ("左、右膈面光滑。", "Both diaphragms are smooth."),
    ("双肺下叶渗出。", "Bibasilar opacities."),
    ("结节约5mm左右。", "A nodule of about 5 mm."),
    ("两枚结节。", "Two nodules."),
    ("左下叶不张。", "LLL atelectasis."),
]
OTHER_SIDES = [
    ("左肺结节。", "Nodule in the right lung."),
    ("左肺结节。", "Nodule in the lung."),
    ("肺结节。", "Nodule in the left lung."),
    ("双侧积液。", "Left effusion."),
    ("右侧积液。", "Bilateral effusion."),
    (
        "左上叶结节，左下叶不张，右侧积液。",
        "Nodule in the left upper lobe, right lower lobe atelectasis, right effusion.",
    ),
    ("右下叶不张。", "LLL atelectasis."),
]


@pytest.mark.parametrize(("zh", "en"), SAME_SIDES)
def test_a_side_may_be_said_in_other_ways(zh: str, en: str) -> None:
    assert sides_apart(zh, en) is None


@pytest.mark.parametrize(("zh", "en"), OTHER_SIDES)
def test_another_side_blocks(zh: str, en: str) -> None:
    found = sides_apart(zh, en)
    assert found is not None
    assert found.severity is Severity.BLOCK


SAME_DENIALS = [
    ("未见气胸、胸腔积液。", "No pneumothorax or pleural effusion."),
    (
        "没有局灶性实变，胸腔积液，或气胸。",
        "No focal consolidation, pleural effusion, or pneumothorax.",
    ),
    ("气胸：无。", "Pneumothorax: none."),
    ("双肺未见异常。", "The lungs are clear."),
    ("心影不大。", "Heart size is normal."),
    ("积液未完全吸收。", "The effusion has not completely resolved."),
    ("积液已吸收。", "The effusion has resolved."),
    ("不能排除骨折。", "Fracture cannot be excluded."),
    ("边缘不规则，密度不均匀。", "Irregular margin, heterogeneous density."),
    ("右上叶结节，未见胸腔积液。", "Nodule in the right upper lobe; no pleural effusion."),
    ("未见积液，心影增大。", "No effusion, and the heart is enlarged."),
    ("较前无明显变化。", "No significant change."),
    ("胃管已拔除。", "The nasogastric tube has been removed."),
    ("未见移位性骨折。", "No displaced fracture is seen."),
]
OTHER_DENIALS = [
    ("未见气胸、胸腔积液。", "No pneumothorax. Pleural effusion."),
    ("气胸：无。", "Pneumothorax: present."),
    ("心影不大。", "The heart is enlarged."),
    ("积液未吸收。", "The effusion has resolved."),
    ("积液已吸收。", "The effusion has not resolved."),
    ("右上叶结节，未见胸腔积液。", "No nodule in the right upper lobe; no pleural effusion."),
    ("右上叶结节，未见胸腔积液。", "Nodule in the right upper lobe; pleural effusion."),
    ("边缘规则。", "Irregular margin."),
    ("双肺清晰。", "The lungs are not clear."),
    ("胃管已拔除。", "The nasogastric tube is in place."),
    ("视网膜未见脱离。", "The retina is detached."),
    ("胎盘未覆盖内口。", "The placenta covers the internal os."),
]


@pytest.mark.parametrize(("zh", "en"), SAME_DENIALS)
def test_a_denial_may_be_said_in_other_ways(zh: str, en: str) -> None:
    found = negations_apart(zh, en)
    assert found is None or found.severity is not Severity.BLOCK


@pytest.mark.parametrize(("zh", "en"), OTHER_DENIALS)
def test_a_denial_of_one_language_blocks(zh: str, en: str) -> None:
    found = negations_apart(zh, en)
    assert found is not None
    assert found.severity is Severity.BLOCK


def test_a_lost_hedge_is_a_warning() -> None:
    found = negations_apart("右下叶可能为肺炎。", "Pneumonia in the right lower lobe.")
    assert found is not None
    assert found.severity is Severity.WARN


def test_another_finding_blocks_and_points_at_both_words() -> None:
    zh, en = "右侧第4肋骨折。", "Tumour of the right fourth rib."
    found = findings_apart(zh, en)
    assert found is not None
    assert found.severity is Severity.BLOCK
    assert found.zh is not None
    assert found.en is not None
    assert (zh[slice(*found.zh)], en[slice(*found.en)]) == ("骨折", "Tumour")


def test_another_organ_blocks() -> None:
    found = findings_apart("左肾囊肿。", "Cyst of the left adrenal.")
    assert found is not None
    assert found.severity is Severity.BLOCK


def test_a_finding_that_one_language_lacks_is_a_warning() -> None:
    found = findings_apart("右跟腱断端回缩。", "The right Achilles tendon is calcified.")
    assert found is not None
    assert found.severity is Severity.WARN


def test_issues_point_into_both_languages() -> None:
    (issue,) = issues("左肺结节。", "Nodule in the right lung.")
    assert [(pointer.lang, pointer.start, pointer.end) for pointer in issue.at] == [
        ("zh", 0, 1),
        ("en", 14, 19),
    ]


def test_figures_count_what_is_new_against_the_unchanged_pair() -> None:
    lines: list[dict[str, Any]] = [
        {
            "id": "a",
            "base": "a",
            "zh": "左肺结节。",
            "en": "Nodule in the right lung.",
            "changed": None,
        },
        {
            "id": "b",
            "base": "a",
            "zh": "左肺结节。",
            "en": "No nodule in the right lung.",
            "changed": "side",
            "outside": False,
        },
    ]
    (figures,) = recall(lines)
    assert "found 1/1" in figures
    assert "named as such 0" in figures
    assert "blocked 1/1" in share_blocked("unchanged", lines[:1])
