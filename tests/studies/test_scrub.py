"""Where a patient's name, number or birth date is also a clinical word, the clinical text stays and
the identity goes."""

from __future__ import annotations

from datetime import date

import pytest

from radraft.studies.deidentify import KnownIdentity, redacted
from radraft.studies.values import Patient


def _redacted(text: str, name: str = "", number: str = "", born: date | None = None) -> str:
    return redacted(text, [KnownIdentity(Patient(number, name, born, ""))])


STAYS = [
    ("No^Kim", "", None, "No fever, no cough. No trauma."),
    ("Small^John", "", None, "Small left effusion and a small hiatal hernia."),
    ("Lung^Peter", "", None, "The left lung is clear. Right Lung base atelectasis."),
    ("Long^Mary", "", None, "Long segment stenosis, as long as 4 cm."),
    ("White^Ben", "", None, "White matter lesions, white cell count normal."),
    ("Heart^Ann", "", None, "Heart size is normal. HEART: unremarkable."),
    ("Mass^Tom", "", None, "Mass in the right lobe, no second mass."),
    ("An^Bo", "", None, "An effusion is seen at an oblique angle."),
    ("Hall^Or", "", None, "No effusion or pneumothorax."),
    ("Old^Grace", "", None, "Old rib fractures. Old granulomatous disease."),
    ("Stone^Lee", "", None, "Stone in the right ureter, another stone in the bladder."),
    ("Rib^Karl", "", None, "Healed left rib fracture."),
    ("Bone^Ida", "", None, "Bone windows show no bone lesion."),
    ("Clear^Max", "", None, "Lungs are clear. Clear costophrenic angles."),
    ("Left^Joe", "", None, "Left hilar node, left pleural thickening."),
    ("高密", "", None, "右肺高密度影，边缘清。"),
    ("王清楚", "", None, "病灶境界清楚，密度均匀。"),
    ("张明显", "", None, "增强扫描明显强化，较前明显增大。"),
    ("魏正常", "", None, "心影大小正常，双膈正常。"),
    ("李均匀", "", None, "肝实质密度均匀，强化均匀。"),
    ("", "", date(1960, 1, 2), "右肺结节1.2cm，原1.0cm；L1/2椎间盘膨出。"),
    ("", "", date(1960, 2, 3), "Nodule 2.3 cm, previously 3.2 cm; T2-3 and C2/3 discs intact."),
    ("", "", date(1960, 5, 4), "L4/5椎间盘突出，C4-5变窄，结节约5.4×4.5mm。"),
    ("", "", date(1960, 3, 4), "第3-4肋骨折；BI-RADS 3-4类；肌力3/4级。"),
    ("", "", date(1955, 12, 11), "T11/12压缩性骨折，病灶长12.11 mm。"),
    ("", "", date(1970, 6, 7), "ACR TI-RADS 6-7分；第6/7胸椎楔形变。"),
    ("", "100", None, "Nodule 100 mm from the carina, HU 100."),
    ("", "T12", None, "T12椎体压缩性骨折。"),
    ("", "123", None, "CT值123HU，b=123。"),
    ("", "", None, "Drainage 120 ml, dosage 100 mg, average 105 HU, coverage 98%, image 145."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "number", "born", "text"), STAYS)
def test_clinical_words_of_a_patient_with_such_a_name_stay(
    name: str, number: str, born: date | None, text: str
) -> None:
    assert _redacted(text, name, number, born) == text


GOES = [
    ("No^Kim", "", None, "Kim No came with fever.", ["Kim"]),
    ("No^Kim", "", None, "Discussed with Mr. No by phone.", ["No "]),
    ("Small^John", "", None, "John Small, 54, cough.", ["John", "Small"]),
    ("Small^John", "", None, "Mrs Small was told; john agreed.", ["Small", "john"]),
    ("Lung^Peter", "", None, "LUNG, PETER: chest", ["LUNG", "PETER"]),
    ("Long^Mary", "", None, "Patient: Long, cough", ["Long"]),
    ("White^Ben", "", None, "Name: White. Cough.", ["White"]),
    ("White^Ben", "", None, "white, ben; WHITE^BEN", ["ben", "BEN", "WHITE"]),
    ("Heart^Ann", "", None, "Ms. Heart has pain", ["Heart"]),
    ("Stone^Lee", "", None, "seen with Lee Stone today", ["Lee", "Stone"]),
    ("Okonkwo^Ngozi", "", None, "Films of Ngozi; Okonkwo agreed.", ["Ngozi", "Okonkwo"]),
    ("ZHANG^SANFENG", "", None, "zhang sanfeng, Sanfeng's old film", ["zhang", "anfeng"]),
    ("高密", "", None, "患者高密，咳嗽3天。", ["高密"]),
    ("高密", "", None, "高密，女，咳嗽。", ["高密"]),
    ("王清楚", "", None, "王清楚，男，54岁。", ["王清楚"]),
    ("张明显", "", None, "与张明显前片比较。", ["张明显"]),
    ("魏正常", "", None, "姓名：魏正常", ["魏正常"]),
    ("欧阳建国", "", None, "建国咳嗽3天，欧阳建国来诊。", ["建国", "欧阳"]),
    ("陈晓燕", "", None, "晓燕，女，发热。", ["晓燕"]),
    ("刘^德华", "", None, "德华诉胸痛。", ["德华"]),
    ("", "", date(1960, 1, 2), "born 2 Jan; DOB 1/2; 生日1月2日。", ["2 Jan", "1/2", "1月2日"]),
    ("", "", date(1960, 5, 4), "生于5月4日，DOB: 04/05/1960", ["5月4日", "1960", "04/05"]),
    ("", "", date(1960, 3, 4), "birthday 3-4, 出生日期 3.4", ["3-4", "3.4"]),
    ("", "", date(1955, 12, 11), "born on 12/11, 1955-12-11, 12/11/55", ["12/11", "1955", "12-11"]),
    ("", "", date(1970, 6, 7), "生日：06-07；6月7号出生", ["06-07", "6月7"]),
    ("", "100", None, "ID 100, chest", ["100"]),
    ("", "T12", None, "病历号：T12，咳嗽", ["T12"]),
    ("", "123", None, "No. 123; MRN: 123; patient 123", ["123"]),
    ("", "P0042", None, "p0042 from ward, P0042。", ["0042"]),
    ("", "A778", None, "检查号A778，住院号 A778", ["A778"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "number", "born", "text", "gone"), GOES)
def test_identity_of_a_patient_with_such_a_name_goes(
    name: str, number: str, born: date | None, text: str, gone: list[str]
) -> None:
    after = _redacted(text, name, number, born)
    assert not [part for part in gone if part in after], after


BOTH = [
    ("No^Kim", "told Kim, no fever. per Kim. No trauma", "told ***, no fever. per ***. No trauma"),
    ("Small^John^A", "John A. Small, a small effusion", "***, a small effusion"),
    ("高明", "增高明显，高明来诊", "增高明显，***来诊"),
    ("高^密", "致密，高密度影，高密来诊", "致密，高密度影，***来诊"),
    ("张未见", "扩张未见异常，张未见来诊", "扩张未见异常，***来诊"),
    ("方静", "下方静脉，方静，女", "下方静脉，***，女"),
    ("李强", "李强化疗后，强化", "***化疗后，强化"),
    ("白^质", "白质高信号", "白质高信号"),
    ("陈高密", "高密度影，高密女士", "高密度影，***女士"),
    ("Smith^John^^^III", "stage III, John Smith III", "stage III, ***"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "expected"), BOTH)
def test_the_name_goes_and_the_same_word_stays(name: str, text: str, expected: str) -> None:
    assert _redacted(text, name) == expected


@pytest.mark.parametrize("text", ["", " ", "\u3000\n", "\u200b"])
def test_where_nothing_is_written_nothing_is_taken_out(text: str) -> None:
    assert _redacted(text, "No^Kim", "4711", date(1960, 2, 3)) == ""
