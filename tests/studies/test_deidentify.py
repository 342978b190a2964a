"""No identity leaves de-identification, and the same study always gets the same references."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from radraft.core.errors import StudyRejected
from radraft.studies._scrub import scrub
from radraft.studies.deidentify import age_band, deidentify, identifies
from radraft.studies.quality import check
from radraft.studies.values import CheckedStudy, Instance, Patient, Study, View
from tests.studies import builders


def _study(**changed: object) -> Study:
    instance = Instance(
        "1.2.3.4", "1.2.840.10008.5.1.4.1.1.1", "1.2.3", 1, 1, Path("x.dcm"), 1, 10, 10, "PA", "1.2"
    )
    study = Study(
        study_uid="1.2.3.5",
        accession="ACC778899",
        patient=Patient("P0042", "Ouyang^Jianguo=欧阳^建国", date(1970, 3, 5), "M"),
        modality="CR",
        body_part="CHEST",
        study_time=datetime(2025, 1, 2, 3, 4, 5),
        description="胸部正位",
        history="",
        age_years=54,
        instances=(instance,),
        other_names=("Sun^Li=孙^丽^^医师", "Northgate General"),
    )
    return replace(study, **changed)  # type: ignore[arg-type]


def _history(text: str, **changed: object) -> str:
    return deidentify(check(_study(history=text, **changed)), builders.SECRET).history


LEAKS = [
    ("欧阳建国，男，54岁", ["欧阳", "建国"]),
    ("患者欧阳 建国咳嗽", ["欧阳", "建国"]),
    ("建国，欧阳", ["欧阳", "建国"]),
    ("Jianguo Ouyang has a cough", ["Jianguo", "Ouyang"]),
    ("OUYANG^JIANGUO", ["OUYANG", "JIANGUO"]),
    ("ouyangjianguo came", ["ouyang", "jianguo"]),
    ("由孙丽医师申请", ["孙丽"]),
    ("referred from Northgate General", ["Northgate"]),
    ("编号P0042，申请号 acc778899", ["P0042", "acc778899"]),
    ("生于1970年3月5日", ["1970", "3月5日"]),
    ("born 05/03/1970, 19700305, 1970-03-05, 5 Mar 1970", ["1970", "Mar"]),
    ("Mar 5, 1970 and March 2024", ["1970", "2024"]),
    ("2024年12月31日外院CT；12月3日复查", ["2024", "12月"]),
    ("二〇二四年三月五日手术", ["二〇二四"]),
    ("电话138-1234-5678或 13912345678", ["138", "5678", "139"]),
    ("座机 010 8888 6666，+86 10 6552 9988", ["8888", "9988"]),
    ("身份证 11010119900307123X", ["110101", "123X"]),
    ("身份证号：１１０１０１１９９００３０７１２３Ｘ", ["１１０１", "1101"]),
    ("住院号：A20231", ["A20231"]),
    ("MRN: 44-XY, room 3", ["44-XY"]),
    ("mail zhang.wei@example.com, https://example.com/p/1", ["example"]),
    ("患者张某，李某某陪同", ["张某", "李某"]),
    ("王女士，赵师傅，老刘来诊", ["王女士", "赵师傅", "老刘"]),
    ("姓名：钱塘江，男", ["钱塘江"]),
    ("联系人:周莉莉 电话 12345", ["周莉莉", "12345"]),
    ("Dr. Strange and Mrs Peel Emma", ["Strange", "Peel", "Emma"]),
    ("住浙江省杭州市西湖区文三路 100 号", ["杭州", "文三路"]),
    ("一三八零零一三八零零零", ["一三八"]),
    ("歐陽建國來診", ["歐陽", "建國"]),
    ("referred for OUYANG, JIAN-GUO", ["OUYANG", "JIAN", "GUO"]),
    ("其妻蔡敏签字，刘洋因胸痛来诊", ["蔡敏", "刘洋"]),
    ("seen by ZHANG WEI and Xiaoming Wang", ["ZHANG", "Wang"]),
    ("Her daughter Emily Carter called (555) 123-4567", ["Emily", "Carter", "4567"]),
    ("外院（临沂市第二人民医院）CT", ["临沂", "第二"]),
    ("车牌粤B·12F45，微信 lin-2041", ["12F45", "lin-2041"]),
    ("3病区12床，护照 E 12345678", ["12床", "12345678"]),
]


@pytest.mark.parametrize(("text", "gone"), LEAKS)
def test_identity_is_taken_out(text: str, gone: list[str]) -> None:
    history = _history(text)
    assert not [part for part in gone if part in history], history
    assert "***" in history


KEPT = [
    "女，46岁，咳嗽、咳痰3天，体温38.5℃。",
    "高血压病史20年，血压 150/95 mmHg，吸烟20支/日。",
    "右下肺结节 12 mm，建议复查；白细胞 13.1×10^9/L。",
    "Cough for 3 weeks, marked dyspnea, MS patient, BP 120/80.",
    "术后第2天，T12 压缩性骨折，L4/5 椎间盘突出。",
    "这张X光片显示右肺结节；另一张X线片未见异常。",
    "患者高热，黄疸，马蹄肾，石灰样钙化，金属异物，余双肺清，请向专科医生咨询。",
    "白细胞 12000/mm3，CEA 1200，b1000，TR 2000，大小约 5.2 x 3.1 cm，T4-L1，S1，C7。",
    "In segment 3 may be scarring; Dr to review the drainage. FEV1 80%, grade III, CHEST PA.",
]


@pytest.mark.parametrize("text", KEPT)
def test_clinical_text_stays(text: str) -> None:
    assert _history(text) == text
    assert not identifies(text)


def test_what_was_taken_out_already_identifies_nobody() -> None:
    assert identifies("患者张某，右肺结节。")
    assert not identifies("患者***，右肺结节。")
    assert identifies("患者***13800138000，右肺结节。")
    assert identifies("手机138****5678。")


def test_single_character_components_do_not_blot_words() -> None:
    patient = Patient("P1", "Gao^Bai=高^白", None, "F")
    text = "高血压，白细胞升高。高白，白高；Gao Bai"
    assert _history(text, patient=patient) == "高血压，白细胞升高。***，***；***"


def test_ages_above_89_are_pooled() -> None:
    assert _history("男，93岁，咳嗽") == "男，90+岁，咳嗽"


@given(st.text(max_size=120))
def test_scrubbing_is_stable(text: str) -> None:
    once = scrub(text, _study())
    assert scrub(once, _study()) == once


@given(
    st.text(st.sampled_from("咳嗽胸痛发热，。 "), max_size=10),
    st.sampled_from(["欧阳建国", "建国", "Jianguo", "ouyang jianguo", "P0042", "1970-03-05"]),
    st.text(st.sampled_from("咳嗽胸痛发热，。 "), max_size=10),
)
def test_known_values_never_pass(before: str, value: str, after: str) -> None:
    assert value not in _history(before + value + after)


@given(st.text(st.sampled_from("0123456789"), min_size=5, max_size=30))
def test_long_numbers_never_pass(digits: str) -> None:
    assert digits not in _history(f"编号{digits}号")


@given(st.binary(min_size=16, max_size=64), st.binary(min_size=16, max_size=64))
def test_references_depend_on_the_secret_only(one: bytes, other: bytes) -> None:
    checked = CheckedStudy(_study(), ())
    first, again = deidentify(checked, one), deidentify(checked, one)
    assert first == again
    if one != other:
        second = deidentify(checked, other)
        assert second.case_id != first.case_id
        assert second.patient_ref != first.patient_ref
        assert second.instances[0].instance_ref != first.instances[0].instance_ref


def test_shape_of_references() -> None:
    deid = deidentify(check(_study()), builders.SECRET)
    for reference, prefix in (
        (deid.case_id, "c-"),
        (deid.patient_ref, "p-"),
        (deid.instances[0].instance_ref, "i-"),
        (deid.instances[0].series_ref, "s-"),
    ):
        assert reference.startswith(prefix) and len(reference) == 18
        int(reference[2:], 16)


def test_patients_are_linked_by_number_only() -> None:
    second = _study(study_uid="1.2.3.6")
    refs = {deidentify(check(one), builders.SECRET).patient_ref for one in (_study(), second)}
    assert len(refs) == 1
    nobody = Patient("", "Ouyang^Jianguo", None, "M")
    refs = {
        deidentify(check(replace(one, patient=nobody)), builders.SECRET).patient_ref
        for one in (_study(), second)
    }
    assert len(refs) == 2


@pytest.mark.parametrize(
    ("sent", "description", "expected"),
    [
        ("CHEST", "", "CHEST"),
        ("Chest ", "", "CHEST"),
        ("胸部", "", "CHEST"),
        ("L SPINE", "", "LSPINE"),
        ("CHEST OF ZHANG WEI", "", ""),
        ("", "胸部正位", "CHEST"),
        ("", "Chest and abdomen", ""),
        ("", "Ouyang Jianguo", ""),
    ],
)
def test_body_part_is_a_closed_vocabulary(sent: str, description: str, expected: str) -> None:
    study = _study(body_part=sent, description=description)
    assert deidentify(check(study), builders.SECRET).body_part == expected


@pytest.mark.parametrize(
    ("modality", "position", "expected"),
    [
        ("CR", "PA", View.FRONTAL),
        ("DX", "AP", View.FRONTAL),
        ("DX", "LL", View.LATERAL),
        ("CR", "LATERAL", View.LATERAL),
        ("CR", "", View.UNKNOWN),
        ("CR", "ZHANG WEI", View.UNKNOWN),
        ("CT", "AP", View.NONE),
    ],
)
def test_view(modality: str, position: str, expected: View) -> None:
    study = _study(modality=modality)
    study = replace(study, instances=(replace(study.instances[0], view_position=position),))
    assert deidentify(check(study), builders.SECRET).view is expected


def test_modality_and_sex_are_closed_vocabularies() -> None:
    patient = replace(_study().patient, sex="Zhang")
    deid = deidentify(check(_study(modality="ZHANG WEI", patient=patient)), builders.SECRET)
    assert (deid.modality, deid.sex) == ("OT", "")


@given(st.integers(0, 150))
def test_age_bands_cover_every_age(years: int) -> None:
    band = age_band(years)
    low, _, high = band.rstrip("+").partition("-")
    assert int(low) <= years <= int(high or 150)
    assert age_band(None) == age_band(-1) == age_band(151) == ""


def test_no_identity_in_the_result_at_all() -> None:
    study = _study(history="欧阳建国 P0042 ACC778899 1970-03-05 1.2.3.5")
    shown = repr(deidentify(check(study), builders.SECRET))
    for value in ("欧阳", "建国", "Ouyang", "Jianguo", "P0042", "ACC778899", "1970", "1.2.3.5"):
        assert value not in shown
    assert not [part for part in ("Ouyang", "P0042", "1.2.3.5", "ACC") if part in repr(study)]


def test_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        deidentify(check(_study()), b"short")


def test_study_without_images_is_refused() -> None:
    with pytest.raises(StudyRejected) as caught:
        check(_study(instances=()))
    assert caught.value.code == "no_drawable_image"
    assert check(_study(issues=("charset_repaired",))).issues == ("charset_repaired",)
