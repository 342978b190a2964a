"""Codes of a report's DICOM documents, each with its name in both languages.

Those of LOINC, DCM and SNOMED CT all stand in the context groups of PS3.16, which names them free
of charge for use in DICOM. RadLex is free (RSNA). What none of them has is our own.
"""

from __future__ import annotations

from dataclasses import dataclass

from radraft.reports.findings.values import Change
from radraft.reports.findings.vocabulary import Finding, anatomy
from radraft.reports.values import AmendmentKind, Certainty, Lang, Laterality, Section

OWN = "99RADRAFT"
"""Our coding scheme (PS3.16 8.2: 99 and a name for a private one)."""


@dataclass(frozen=True)
class Concept:
    """A coded concept."""

    value: str
    scheme: str
    """DICOM's designator of the coding scheme (PS3.16 8)."""
    en: str
    zh: str

    def name(self, lang: Lang) -> str:
        """Return its name in `lang`."""
        return self.zh if lang == "zh" else self.en


REPORT = Concept("18748-4", "LN", "Diagnostic Imaging Report", "影像诊断报告")
HEADINGS = {
    Section.FINDINGS: Concept("59776-5", "LN", "Findings", "影像所见"),
    Section.IMPRESSION: Concept("19005-8", "LN", "Impressions", "诊断意见"),
}
"""PS3.16 CID 7001."""
ELEMENTS = {
    Section.FINDINGS: Concept("121071", "DCM", "Finding", "所见"),
    Section.IMPRESSION: Concept("121073", "DCM", "Impression", "意见"),
}
"""PS3.16 CID 7002."""
KEY_IMAGES = Concept("55113-5", "LN", "Key Images", "关键图像")
EARLIER = Concept("55114-3", "LN", "Prior Procedure Descriptions", "既往检查")
PROCEDURE = Concept("121065", "DCM", "Procedure Description", "检查描述")
STUDY_UID = Concept("110180", "DCM", "Study Instance UID", "检查实例 UID")
ILLUSTRATION = Concept("121080", "DCM", "Best illustration of finding", "最能显示所见的图像")
LANGUAGE = Concept("121049", "DCM", "Language of Content Item and Descendants", "以下内容的语言")
LANGUAGE_OF_VALUE = Concept("121047", "DCM", "Language of Value", "值的语言")
OBSERVER_TYPE = Concept("121005", "DCM", "Observer Type", "观察者类型")
PERSON = Concept("121006", "DCM", "Person", "人")
OBSERVER_NAME = Concept("121008", "DCM", "Person Observer Name", "观察者姓名")
OBSERVER_ORGANISATION = Concept(
    "121009", "DCM", "Person Observer's Organization Name", "观察者所在机构"
)
EQUIVALENT_NAME = Concept("121050", "DCM", "Equivalent Meaning of Concept Name", "概念名的等义词")
AI_MARK = Concept("ai-mark", OWN, "Part that AI had in the report", "人工智能参与标识")
REASONS = {
    AmendmentKind.AMENDMENT: Concept("amendment", OWN, "Reason of the amendment", "修订原因"),
    AmendmentKind.ADDENDUM: Concept("addendum", OWN, "Reason of the addendum", "补充原因"),
}
CODED = Concept("coded-findings", OWN, "Coded findings", "编码所见")
SENTENCE = Concept("sentence", OWN, "Sentence that states it", "所在语句")
SIDE = Concept("272741003", "SCT", "Laterality", "侧别")
SITE = Concept("363698007", "SCT", "Finding Site", "部位")
CHANGE = Concept("change", OWN, "Change since the prior examination", "较前变化")
DIAMETER = Concept("81827009", "SCT", "Diameter", "径")
VOLUME = Concept("118565006", "SCT", "Volume", "容量")
EXTENT = Concept("extent", OWN, "Extent in percent", "程度百分比")
LANGUAGES: dict[Lang, Concept] = {
    "zh": Concept("zh", "RFC5646", "Chinese", "中文"),
    "en": Concept("en", "RFC5646", "English", "英文"),
}
"""PS3.16 CID 5000."""
MILLIMETER = Concept("mm", "UCUM", "millimeter", "毫米")
MILLILITER = Concept("ml", "UCUM", "milliliter", "毫升")
PERCENT = Concept("%", "UCUM", "Percent", "百分比")
CERTAINTIES = {
    Certainty.PRESENT: Concept("52101004", "SCT", "Present", "有"),
    Certainty.ABSENT: Concept("272519000", "SCT", "Absent", "无"),
    Certainty.UNCERTAIN: Concept("373068000", "SCT", "Undetermined", "可疑"),
}
"""PS3.16 CID 240."""
SIDES = {
    Laterality.LEFT: Concept("7771000", "SCT", "Left", "左"),
    Laterality.RIGHT: Concept("24028007", "SCT", "Right", "右"),
    Laterality.BILATERAL: Concept("51440002", "SCT", "Bilateral", "双侧"),
}
"""PS3.16 CID 244."""
CHANGES = {
    Change.NEW: Concept("new", OWN, "New", "新出现"),
    Change.INCREASED: Concept("increased", OWN, "Increased", "增大或增多"),
    Change.DECREASED: Concept("decreased", OWN, "Decreased", "缩小或减少"),
    Change.STABLE: Concept("stable", OWN, "Stable", "无变化"),
    Change.RESOLVED: Concept("resolved", OWN, "Resolved", "消失"),
}


def finding_concept(finding: Finding) -> Concept:
    """Return RadLex's code of a finding where it is known, else our own."""
    if finding.radlex is not None:
        return Concept(finding.radlex, "RADLEX", finding.en, finding.zh)
    return Concept(finding.code, OWN, finding.en, finding.zh)


def site_concept(place: str) -> Concept:
    """Return our own code of a place in the body. KeyError for an unknown one."""
    zh, en = anatomy()[place]
    return Concept(place, OWN, en, zh)
