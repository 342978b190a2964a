"""The codes that HL7's forms carry: LOINC, RadLex and DICOM's where they have the meaning, else our
own with names in both languages.

SNOMED CT is left out: a hospital in a country without membership would need a licence for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from radraft.reports.export.coded import CodedFinding
from radraft.reports.findings.values import Change
from radraft.reports.findings.vocabulary import Finding, anatomy, vocabulary
from radraft.reports.values import Certainty, Lang, Laterality, Section


@dataclass(frozen=True)
class CodeSystem:
    """Whose codes they are."""

    hl7: str
    """Its name in HL7 version 2 (table 0396), which DICOM knows it by too (PS3.16 8)."""
    url: str
    """Its identifier in FHIR."""


@dataclass(frozen=True)
class Coding:
    """A code with its names."""

    system: CodeSystem
    code: str
    en: str
    zh: str

    def name(self, lang: Lang) -> str:
        """Return its name in `lang`."""
        return self.zh if lang == "zh" else self.en


LOINC = CodeSystem("LN", "http://loinc.org")
RADLEX = CodeSystem("RADLEX", "http://radlex.org")
DICOM = CodeSystem("DCM", "http://dicom.nema.org/resources/ontology/DCM")
SIDES = CodeSystem("HL70495", "http://terminology.hl7.org/CodeSystem/v2-0495")
OWN = CodeSystem("99RADRAFT", "urn:uuid:6f6a5b0e-6c0c-5c57-8a3e-1d0a7d4a9b11")
"""Ours has no address of its own on the web, so its identifier is a UUID (RFC 9562)."""

STUDY = Coding(LOINC, "18748-4", "Diagnostic imaging study", "影像学检查")
FINDING = Coding(DICOM, "121071", "Finding", "所见")
STUDY_UID = Coding(DICOM, "110180", "Study Instance UID", "检查实例 UID")
SECTIONS = {
    Section.FINDINGS: Coding(LOINC, "59776-5", "Procedure findings Narrative", "影像所见"),
    Section.IMPRESSION: Coding(
        LOINC, "19005-8", "Radiology Imaging study [Impression] (narrative)", "诊断意见"
    ),
}
SITE = Coding(OWN, "site", "Site", "部位")
SIDE = Coding(OWN, "side", "Side", "侧别")
CERTAINTY = Coding(OWN, "certainty", "Certainty", "确定程度")
CHANGE = Coding(OWN, "change", "Change since the prior examination", "较前变化")
DIMENSIONS = (
    Coding(OWN, "dimension-1", "First dimension stated", "所述第一径"),
    Coding(OWN, "dimension-2", "Second dimension stated", "所述第二径"),
    Coding(OWN, "dimension-3", "Third dimension stated", "所述第三径"),
)
EXTENT = Coding(OWN, "extent", "Extent in percent", "程度百分比")
VOLUME = Coding(OWN, "volume", "Volume", "容量")
AI_MARK = Coding(OWN, "ai-mark", "Part that AI had in the report", "人工智能参与标识")
AI_USE = Coding(OWN, "ai-use", "Use that the AI software is meant for", "人工智能软件用途")
KEY_IMAGE = Coding(OWN, "key-image", "Key image", "关键图像")
CONTENT_HASH = Coding(OWN, "content-hash", "SHA-256 of the signed version", "签发版本的 SHA-256")
SUPERSEDED_HASH = Coding(
    OWN, "superseded-hash", "SHA-256 of the version replaced", "被替代版本的 SHA-256"
)
AMENDMENT = Coding(OWN, "amendment", "Reason of the amendment", "修订原因")
ADDENDUM = Coding(OWN, "addendum", "Reason of the addendum", "补充原因")
ATTRIBUTES = (
    SITE, SIDE, CERTAINTY, CHANGE, *DIMENSIONS, EXTENT, VOLUME, AI_MARK, AI_USE, KEY_IMAGE,
    CONTENT_HASH, SUPERSEDED_HASH, AMENDMENT, ADDENDUM,
)  # fmt: skip
CERTAINTIES = {
    Certainty.PRESENT: Coding(OWN, "present", "Present", "有"),
    Certainty.ABSENT: Coding(OWN, "absent", "Absent", "无"),
    Certainty.UNCERTAIN: Coding(OWN, "uncertain", "Uncertain", "可疑"),
}
CHANGES = {
    Change.NEW: Coding(OWN, "new", "New", "新出现"),
    Change.INCREASED: Coding(OWN, "increased", "Increased", "增大或增多"),
    Change.DECREASED: Coding(OWN, "decreased", "Decreased", "缩小或减少"),
    Change.STABLE: Coding(OWN, "stable", "Stable", "无变化"),
    Change.RESOLVED: Coding(OWN, "resolved", "Resolved", "消失"),
}
LATERALITIES = {
    Laterality.LEFT: Coding(SIDES, "L", "Left", "左"),
    Laterality.RIGHT: Coding(SIDES, "R", "Right", "右"),
    Laterality.BILATERAL: Coding(SIDES, "BIL", "Bilateral", "双侧"),
}


@dataclass(frozen=True)
class StatedNumber:
    """A number that a sentence states of its finding."""

    code: Coding
    value: float
    unit: str
    """In UCUM."""
    unit_name: str


def own_finding(finding: Finding) -> Coding:
    """Return our own code of a finding."""
    return Coding(OWN, finding.code, finding.en, finding.zh)


def finding_codes(finding: Finding) -> tuple[Coding, ...]:
    """Return RadLex's code of a finding where it is known, then our own."""
    own = own_finding(finding)
    if finding.radlex is None:
        return (own,)
    return (Coding(RADLEX, finding.radlex, finding.en, finding.zh), own)


def site_code(code: str) -> Coding:
    """Return our own code of a place in the body. KeyError for an unknown one."""
    zh, en = anatomy()[code]
    return Coding(OWN, code, en, zh)


def stated_numbers(coded: CodedFinding) -> tuple[StatedNumber, ...]:
    """Return the numbers of a coded finding: its dimensions in the order stated, then extent and
    volume."""
    mention = coded.mention
    sizes = zip(DIMENSIONS, mention.size_mm, strict=False)
    found = [StatedNumber(code, size, "mm", "millimeter") for code, size in sizes]
    if mention.percent is not None:
        found.append(StatedNumber(EXTENT, mention.percent, "%", "percent"))
    if mention.volume_ml is not None:
        found.append(StatedNumber(VOLUME, mention.volume_ml, "mL", "milliliter"))
    return tuple(found)


def own_codes() -> tuple[Coding, ...]:
    """Return every code of our own that a document may carry."""
    findings = (own_finding(finding) for finding in vocabulary().values())
    sites = (site_code(code) for code in anatomy())
    return (*ATTRIBUTES, *CERTAINTIES.values(), *CHANGES.values(), *findings, *sites)
