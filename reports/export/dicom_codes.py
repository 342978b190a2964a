"""Codes of a report's DICOM documents, each with its name in both languages.

Those of LOINC, DCM and SNOMED CT all stand in the context groups of PS3.16, which names them free
of charge for use in DICOM. RadLex is free (RSNA). What none of them has is our own.
"""

from __future__ import annotations

from radraft.reports.export.terminology import (
    ADDENDUM,
    AMENDMENT,
    DICOM,
    LOINC,
    OWN,
    CodeSystem,
    Coding,
)
from radraft.reports.values import AmendmentKind, Certainty, Lang, Laterality, Section

SNOMED = CodeSystem("SCT", "http://snomed.info/sct")
LANGUAGE_TAGS = CodeSystem("RFC5646", "urn:ietf:bcp:47")
UNITS = CodeSystem("UCUM", "http://unitsofmeasure.org")

REPORT = Coding(LOINC, "18748-4", "Diagnostic Imaging Report", "影像诊断报告")
HEADINGS = {
    Section.FINDINGS: Coding(LOINC, "59776-5", "Findings", "影像所见"),
    Section.IMPRESSION: Coding(LOINC, "19005-8", "Impressions", "诊断意见"),
}
"""PS3.16 CID 7001."""
ELEMENTS = {
    Section.FINDINGS: Coding(DICOM, "121071", "Finding", "所见"),
    Section.IMPRESSION: Coding(DICOM, "121073", "Impression", "意见"),
}
"""PS3.16 CID 7002."""
KEY_IMAGES = Coding(LOINC, "55113-5", "Key Images", "关键图像")
EARLIER = Coding(LOINC, "55114-3", "Prior Procedure Descriptions", "既往检查")
PROCEDURE = Coding(DICOM, "121065", "Procedure Description", "检查描述")
ILLUSTRATION = Coding(DICOM, "121080", "Best illustration of finding", "最能显示所见的图像")
LANGUAGE = Coding(DICOM, "121049", "Language of Content Item and Descendants", "以下内容的语言")
LANGUAGE_OF_VALUE = Coding(DICOM, "121047", "Language of Value", "值的语言")
OBSERVER_TYPE = Coding(DICOM, "121005", "Observer Type", "观察者类型")
PERSON = Coding(DICOM, "121006", "Person", "人")
OBSERVER_NAME = Coding(DICOM, "121008", "Person Observer Name", "观察者姓名")
OBSERVER_ORGANISATION = Coding(
    DICOM, "121009", "Person Observer's Organization Name", "观察者所在机构"
)
EQUIVALENT_NAME = Coding(DICOM, "121050", "Equivalent Meaning of Concept Name", "概念名的等义词")
REASONS = {AmendmentKind.AMENDMENT: AMENDMENT, AmendmentKind.ADDENDUM: ADDENDUM}
CODED = Coding(OWN, "coded-findings", "Coded findings", "编码所见")
SENTENCE = Coding(OWN, "sentence", "Sentence that states it", "所在语句")
SIDE = Coding(SNOMED, "272741003", "Laterality", "侧别")
SITE = Coding(SNOMED, "363698007", "Finding Site", "部位")
DIAMETER = Coding(SNOMED, "81827009", "Diameter", "径")
VOLUME = Coding(SNOMED, "118565006", "Volume", "容量")
LANGUAGES: dict[Lang, Coding] = {
    "zh": Coding(LANGUAGE_TAGS, "zh", "Chinese", "中文"),
    "en": Coding(LANGUAGE_TAGS, "en", "English", "英文"),
}
"""PS3.16 CID 5000."""
MILLIMETER = Coding(UNITS, "mm", "millimeter", "毫米")
MILLILITER = Coding(UNITS, "ml", "milliliter", "毫升")
PERCENT = Coding(UNITS, "%", "Percent", "百分比")
CERTAINTIES = {
    Certainty.PRESENT: Coding(SNOMED, "52101004", "Present", "有"),
    Certainty.ABSENT: Coding(SNOMED, "272519000", "Absent", "无"),
    Certainty.UNCERTAIN: Coding(SNOMED, "373068000", "Undetermined", "可疑"),
}
"""PS3.16 CID 240."""
SIDES = {
    Laterality.LEFT: Coding(SNOMED, "7771000", "Left", "左"),
    Laterality.RIGHT: Coding(SNOMED, "24028007", "Right", "右"),
    Laterality.BILATERAL: Coding(SNOMED, "51440002", "Bilateral", "双侧"),
}
"""PS3.16 CID 244."""
