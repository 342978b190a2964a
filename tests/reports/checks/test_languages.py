from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from radraft.bench.contradictions import RIGHT, issues, recall, share_blocked
from radraft.reports.checks.bilingual import Contradiction, ReadText, read_text
from radraft.reports.checks.bilingual_denials import negations_apart
from radraft.reports.checks.bilingual_findings import findings_apart
from radraft.reports.checks.languages import numbers_apart, sides_apart
from radraft.reports.checks.values import Severity
from radraft.reports.findings.extract import extract
from radraft.reports.findings.vocabulary import Finding, Kind, lineage, vocabulary
from radraft.reports.values import Lang

_DATA = Path(__file__).parent / "data"


def load() -> list[dict[str, Any]]:
    """Return the pairs of both files: of the chest mostly, and of every region with others in free
    translation."""
    return [
        json.loads(line)
        for name in ("contradictions.jsonl", "contradictions_regions.jsonl")
        for line in (_DATA / name).read_text(encoding="utf-8").splitlines()
    ]


def read(text: str, lang: Lang) -> ReadText:
    return read_text(text, lang, extract(text, lang))


def findings(zh: str, en: str) -> Contradiction | None:
    return findings_apart(read(zh, "zh"), read(en, "en"))


def negations(zh: str, en: str) -> Contradiction | None:
    return negations_apart(read(zh, "zh"), read(en, "en"))


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
    found = negations(zh, en)
    assert found is None or found.severity is not Severity.BLOCK


@pytest.mark.parametrize(("zh", "en"), OTHER_DENIALS)
def test_a_denial_of_one_language_blocks(zh: str, en: str) -> None:
    found = negations(zh, en)
    assert found is not None
    assert found.severity is Severity.BLOCK


def test_a_lost_hedge_is_a_warning() -> None:
    found = negations("右下叶可能为肺炎。", "Pneumonia in the right lower lobe.")
    assert found is not None
    assert found.severity is Severity.WARN


def test_another_finding_blocks_and_points_at_both_words() -> None:
    zh, en = "右侧第4肋骨折。", "Tumour of the right fourth rib."
    found = findings(zh, en)
    assert found is not None
    assert found.severity is Severity.BLOCK
    assert found.zh is not None
    assert found.en is not None
    assert (zh[slice(*found.zh)], en[slice(*found.en)]) == ("骨折", "Tumour")


def test_another_organ_blocks() -> None:
    found = findings("左肾囊肿。", "Cyst of the left adrenal.")
    assert found is not None
    assert found.severity is Severity.BLOCK


def test_a_finding_that_one_language_lacks_is_a_warning() -> None:
    found = findings("右跟腱断端回缩。", "The right Achilles tendon is calcified.")
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


FINDINGS = [
    finding
    for finding in vocabulary().values()
    # "Other hernia" is no wording of a report.
    if finding.kind is Kind.FINDING and "other" not in finding.code
]


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.code)
def test_the_two_names_of_a_finding_never_contradict_each_other(finding: Finding) -> None:
    for zh, en in (
        (f"{finding.zh}。", f"{finding.en}."),
        (f"未见{finding.zh}。", f"No {finding.en[0].lower()}{finding.en[1:]}."),
    ):
        assert issues(zh, en) == ()


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.code)
def test_a_finding_stated_in_one_language_and_denied_in_the_other_is_found(
    finding: Finding,
) -> None:
    denied = issues(f"未见{finding.zh}。", f"{finding.en}.")
    assert "negation_mismatch" in {issue.code for issue in denied}


# "Lung lesion" says nothing that another finding of the lung is not.
VAGUE = {"lung_lesion"}


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.code)
def test_another_finding_of_the_region_is_found(finding: Finding) -> None:
    others = [
        other
        for other in FINDINGS
        if other.region is finding.region
        and not {finding.code, other.code} & VAGUE
        and finding.code not in lineage(other.code)
        and other.code not in lineage(finding.code)
    ]
    # Others of the region, the same ones at each run.
    chosen = random.Random(finding.code).sample(others, min(3, len(others)))
    missed = [other.en for other in chosen if not issues(f"{finding.zh}。", f"{other.en}.")]
    assert missed == []


KINDS = [
    # A denial before a word that holds a character of denial.
    ("未见肺不张。", "No atelectasis."),
    ("未见动脉导管未闭。", "No patent ductus arteriosus."),
    # What is gone is a space, not a finding.
    ("右侧肋膈角消失。", "The right costophrenic angle is obliterated."),
    ("髋关节间隙消失。", "Obliterated joint space of the hip."),
    # Still to be ruled out.
    ("囊腺瘤待排。", "Cystadenoma has to be ruled out."),
    ("活动性结核待排。", "Active tuberculosis should be excluded."),
    # An absent organ; an attribute.
    ("右肾缺如。", "Absent right kidney."),
    ("尺骨负变异。", "Negative ulnar variance."),
    # What stands beside a denied finding is there.
    ("脑膜瘤，瘤周无水肿。", "Meningioma without edema around the tumor."),
    # A number after a comma.
    ("右肺炎，2周后复查。", "Pneumonia on the right, to be repeated in 2 weeks."),
    ("外周带T2低信号灶。", "T2 hypointense focus in the peripheral zone."),
    # Arteries that one language gives a side.
    ("前降支近段狭窄。", "Stenosis of the proximal LAD."),
    ("左前降支近段狭窄。", "Stenosis of the proximal LAD."),
    ("左室壁增厚。", "Thickened LV wall."),
    # Conclusions.
    ("考虑肺水肿。", "Consistent with pulmonary edema."),
    # Other words for one code of the reader.
    ("血胸。", "Pleural blood."),
    ("主动脉破裂。", "Periaortic hematoma."),
    ("右侧硬膜下血肿。", "Right SDH."),
]


@pytest.mark.parametrize(("zh", "en"), KINDS)
def test_free_wording_never_blocks(zh: str, en: str) -> None:
    assert [issue.code for issue in issues(zh, en) if issue.severity is Severity.BLOCK] == []


EXCHANGED = [
    ("左侧硬膜下血肿。", "Left epidural hematoma."),
    ("脑室内出血。", "Subarachnoid hemorrhage."),
    ("左侧锁骨骨折，肋骨未见骨折。", "Fracture of the left clavicle. No pneumothorax."),
    ("胰尾囊肿，左肾结石。", "Cyst of the pancreatic tail, left renal cyst."),
    ("右侧气胸，未见皮下气肿。", "Right pneumothorax, no pneumomediastinum."),
    ("主动脉夹层，右侧髂动脉扩张。", "Aortic aneurysm, the right iliac artery is dilated."),
    ("肝右叶血管瘤。", "Focal nodular hyperplasia in the right hepatic lobe."),
    ("右额脑膜瘤。", "Right frontal glioma."),
    # Words that the list does not know, by how they end.
    ("左侧腮腺囊肿。", "Sialadenitis of the left parotid gland."),
]


@pytest.mark.parametrize(("zh", "en"), EXCHANGED)
def test_a_finding_in_the_place_of_another_is_found(zh: str, en: str) -> None:
    assert "finding_mismatch" in {issue.code for issue in issues(zh, en)}


def test_words_that_only_describe_never_block() -> None:
    found = findings("胆总管扩张。", "Narrowing of the common bile duct.")
    assert found is not None
    assert found.severity is Severity.WARN


def test_what_is_intact_in_one_language_and_torn_in_the_other_is_found() -> None:
    found = issues("前交叉韧带撕裂，后交叉韧带完整。", "The ACL is torn; the PCL is torn.")
    assert "negation_mismatch" in {issue.code for issue in found}
