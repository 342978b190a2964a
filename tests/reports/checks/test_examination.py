from __future__ import annotations

import pytest

from radraft.reports.checks.examination import region_of
from radraft.reports.findings.vocabulary import Region
from tests.reports.checks.reports import codes, facts


@pytest.mark.parametrize(
    "text",
    [
        "Two views of the left knee were obtained.",
        "AP radiograph of the pelvis.",
        "Cervical spine radiographs demonstrate normal alignment.",
        "Normal lumbar spine.",
        "Unremarkable left wrist.",
        "Hand film of good quality.",
        "Plain film of the abdomen.",
        "膝关节正侧位片。",
        "骨盆平片示骨质未见异常。",
        "腰椎X线片质量良好。",
        "腹部平片。",
        "手部摄片。",
        "颈椎侧位片。",
        "Left elbow, two views.",
        "Exam: left knee.",
        "The wrist was imaged in two planes.",
        "Lateral view of the thoracolumbar spine.",
        "鼻窦片。",
        "腹部立位平片。",
        "腰椎骨质未见异常。",
    ],
)
def test_another_body_part_where_the_film_is_named_is_warned_of(text: str) -> None:
    assert "body_part_differs" in codes(text)
    assert "body_part_differs" not in codes(text, facts(body_part=""))


@pytest.mark.parametrize(
    "text",
    [
        "PA and lateral views of the chest.",
        "Normal chest radiograph.",
        "CT of the abdomen is recommended.",
        "Compared with the abdominal film of yesterday.",
        "Fracture of the head of the left clavicle.",
        "胸部正侧位片。",
        "建议腹部CT检查。",
        "与腰椎X线片对比。",
        "左侧锁骨头骨折。",
        "两肺野散在斑片状影。",
    ],
)
def test_the_own_body_part_and_advised_examinations_are_no_issue(text: str) -> None:
    assert "body_part_differs" not in codes(text)


FOREIGN = [
    "The ventricles are of normal size and the basal ganglia are symmetrical.",
    "Both kidneys are normal in size.",
    "No hydronephrosis.",
    "The thyroid lobes are homogeneous.",
    "The pancreas is of normal width.",
    "Cruciate ligaments are intact.",
    "The prostate is not enlarged.",
    "No fracture of the scaphoid.",
    "The orbits are symmetrical.",
    "No free fluid in the pelvis.",
    "The femoral heads are round.",
    "The appendix is not thickened.",
    "Metatarsal bones are intact.",
    "双肾大小形态正常。",
    "甲状腺双叶回声均匀。",
    "脑沟脑池未见增宽。",
    "交叉韧带连续。",
    "胰腺形态正常。",
    "股骨头形态完整。",
    "阑尾未见增粗。",
    "眼眶内未见异常。",
    "掌骨未见骨折。",
    "鼻中隔居中。",
    "前列腺不大。",
    "No hydrocephalus.",
    "Lumbar discs are preserved.",
    "No disc herniation at L4/5.",
    "No adnexal mass.",
    "The bowel loops are not dilated.",
    "中线结构无移位。",
    "双侧附件区未见异常。",
    "腰4/5椎间盘突出。",
    "肠管未见扩张。",
    "踝穴间隙正常。",
]


@pytest.mark.parametrize("text", FOREIGN)
def test_organs_that_a_chest_film_does_not_show_are_warned_of(text: str) -> None:
    assert "foreign_region" in codes(text, facts(sex=""))


@pytest.mark.parametrize(
    "text",
    [
        "Surgical clips in the gallbladder fossa.",
        "Calcified splenic granulomas.",
        "Air under the diaphragm.",
        "Degenerative change of both shoulders.",
        "Known renal cell carcinoma.",
        "Ureteral stent on the left.",
        "Blunting of the costophrenic sulci.",
        "Spinal cord stimulator leads.",
        "MRI of the brain is recommended.",
        "胆囊切除术后改变。",
        "肝脏内见钙化影。",
        "双侧肩关节退行性变。",
        "建议行颅脑MRI检查。",
        "肾癌术后复查。",
        "上腹部肠管积气。",
    ],
)
def test_what_the_edge_of_a_film_may_show_is_no_issue(text: str) -> None:
    assert "foreign_region" not in codes(text)


def test_each_examination_has_its_own_organs() -> None:
    kidneys, brain = "Both kidneys are normal in size.", "脑沟未见增宽。"
    assert "foreign_region" not in codes(kidneys, facts(modality="CT", body_part="ABDOMEN"))
    assert "foreign_region" not in codes(kidneys, facts(modality="CT", body_part="CHEST"))
    assert "foreign_region" not in codes(brain, facts(modality="CT", body_part="HEAD"))
    assert "foreign_region" in codes(kidneys, facts(modality="CT", body_part="HEAD"))
    assert "foreign_region" not in codes(kidneys, facts(body_part="WHOLEBODY"))


@pytest.mark.parametrize(
    "text",
    [
        "T1 signal of the marrow is preserved.",
        "High signal on diffusion-weighted images.",
        "The nodule measures 40 HU.",
        "Lung window shows no nodule.",
        "CT shows a clear lung.",
        "MRI demonstrates normal lungs.",
        "Increased FDG uptake in the hilum.",
        "SUVmax of 4.",
        "The lesion is anechoic with posterior enhancement.",
        "Colour Doppler shows no flow.",
        "Axial images show no nodule.",
        "T2WI呈高信号。",
        "弥散未见受限，DWI呈等信号。",
        "肺窗示两肺清晰。",
        "CT值约40HU。",
        "CDFI未见血流信号。",
        "放射性摄取增高。",
        "超声显示胸腔清晰。",
        "横断面图像示气管通畅。",
        "Sagittal reformats show no fracture.",
        "Perfusion defects on the left.",
        "The study was made on a 1.5T scanner.",
        "冠状位重建未见骨折。",
        "扫描范围自肺尖至膈下。",
        "未见血流。",
    ],
)
def test_words_of_another_modality_are_warned_of(text: str) -> None:
    assert "modality_words" in codes(text)


@pytest.mark.parametrize(
    "text",
    [
        "CT is recommended.",
        "Unchanged from the CT of 2024.",
        "Better evaluated by MRI.",
        "Aortopulmonary window is clear.",
        "Esophageal temperature probe in place.",
        "建议CT检查。",
        "请结合CT。",
        "主肺动脉窗清晰。",
        "与前次CT比较无变化。",
        "胸部X线片示两肺清晰。",
    ],
)
def test_other_modalities_that_are_advised_or_compared_with_are_no_issue(text: str) -> None:
    assert "modality_words" not in codes(text)


def test_the_own_modality_is_no_issue() -> None:
    assert "modality_words" not in codes("T2WI呈高信号。", facts(modality="MR", body_part="HEAD"))
    assert "modality_words" not in codes("Density of 40 HU.", facts(modality="CT"))
    assert "modality_words" in codes("T2WI呈高信号。", facts(modality="CT"))


@pytest.mark.parametrize(
    "text",
    [
        "Homogeneous enhancement of the liver.",
        "Portal venous phase images.",
        "After injection of contrast the lesion enhances.",
        "Contrast-enhanced images.",
        "Gadolinium was given.",
        "门脉期肝脏均匀强化。",
        "平扫加增强扫描。",
        "注入造影剂后病灶明显强化。",
        "延迟期对比剂排空。",
        "100 ml iohexol were given.",
        "Arterial-phase scan.",
        "The pulmonary arteries are well opacified.",
        "碘海醇100ml。",
        "造影后。",
    ],
)
def test_contrast_medium_where_none_was_given_is_warned_of(text: str) -> None:
    assert "contrast_words" in codes(text)
    assert "contrast_words" not in codes(text, facts(modality="CT", contrast=True))
    assert "contrast_words" not in codes(text, facts(modality="CT", contrast=None))


@pytest.mark.parametrize(
    "text",
    [
        "Contrast-enhanced CT is recommended.",
        "Residual barium in the colon.",
        "In contrast, the left lung is clear.",
        "Oral contrast in the stomach.",
        "The left hemithorax is opacified.",
        "建议增强CT。",
        "肺纹理增强。",
        "结肠内残留钡剂。",
        "图像对比度良好。",
    ],
)
def test_contrast_that_was_not_given_for_this_study_is_no_issue(text: str) -> None:
    assert "contrast_words" not in codes(text)


@pytest.mark.parametrize(
    ("text", "views"),
    [
        ("Frontal and lateral views.", ("PA",)),
        ("The lateral film shows no effusion.", ("AP",)),
        ("PA/lateral.", ("PA",)),
        ("Supine portable film.", ("PA", "LATERAL")),
        ("PA chest radiograph.", ("AP",)),
        ("One frontal view only.", ("PA", "LATERAL")),
        ("A lateral view was not obtained.", ("PA", "LATERAL")),
        ("正、侧位片。", ("PA",)),
        ("侧位片示心后区清晰。", ("AP",)),
        ("床边胸片。", ("PA", "LATERAL")),
        ("后前位摄片。", ("AP",)),
        ("未摄侧位。", ("PA", "LATERAL")),
        ("卧位片。", ("PA", "LATERAL")),
        ("仅摄正位。", ("PA", "LATERAL")),
    ],
)
def test_views_that_were_not_taken_are_warned_of(text: str, views: tuple[str, ...]) -> None:
    assert "views_differ" in codes(text, facts(views=views))
    assert "views_differ" not in codes(text, facts(views=()))


@pytest.mark.parametrize(
    ("text", "views"),
    [
        ("PA and lateral views.", ("PA", "LATERAL")),
        ("Single AP view.", ("AP",)),
        ("The lateral chest wall is intact.", ("PA",)),
        ("A lateral view is recommended.", ("PA",)),
        ("No lateral view.", ("PA",)),
        ("The PA window is clear.", ("AP",)),
        ("胸部正侧位片。", ("PA", "LATERAL")),
        ("左侧胸壁完整。", ("PA",)),
        ("建议加摄侧位片。", ("PA",)),
        ("床旁片。", ("AP",)),
    ],
)
def test_views_that_were_taken_are_no_issue(text: str, views: tuple[str, ...]) -> None:
    assert "views_differ" not in codes(text, facts(views=views))


def test_body_parts_have_their_region() -> None:
    named = {
        "CHEST": Region.CHEST,
        "brain": Region.HEAD,
        "LSPINE": Region.SPINE,
        "KNEE": Region.OTHER,
    }
    assert {part: region_of(part) for part in named} == named
    assert region_of("") is None
