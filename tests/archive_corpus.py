"""Past reports of made-up patients, one part broken in ten ways, and what an import must say of it.

Made before anything read them: what a broken record is here is what hospitals send, not what a
reader was written for. Names, numbers and texts are made up.
"""

from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

SURNAMES = "魏蒋沈韩杨朱秦许何吕施张孔曹严华金陶姜戚谢邹喻柏窦章苏潘葛范"
GIVEN = (
    "植入",
    "建国",
    "雪梅",
    "志强",
    "丽华",
    "文博",
    "晓燕",
    "国栋",
    "秀英",
    "海涛",
    "玉兰",
    "振华",
    "春花",
    "立新",
    "桂芳",
    "永康",
)
FINDINGS_ZH = (
    "双侧胸廓对称，纵隔居中。",
    "右肺下叶见斑片状模糊影，边界不清。",
    "左肺上叶见结节影，大小约12mm×9mm。",
    "双肺纹理增多、紊乱。",
    "双肺门影不大，心影形态大小正常。",
    "双侧肋膈角锐利，未见胸腔积液。",
    "主动脉弓见钙化影。",
    "胸椎退行性改变。",
    "右侧肋膈角变钝，考虑少量胸腔积液。",
)
IMPRESSION_ZH = (
    "右肺下叶炎症，建议治疗后复查。",
    "左肺上叶结节，建议CT进一步检查。",
    "心肺膈未见明显异常。",
    "主动脉硬化。",
    "右侧少量胸腔积液。",
)
FINDINGS_EN = (
    "The heart size is within normal limits.",
    "There is a patchy opacity in the right lower lobe.",
    "No pleural effusion or pneumothorax is seen.",
    "A 12 mm nodule is seen in the left upper lobe.",
    "The mediastinal contours are unremarkable.",
    "Degenerative changes of the thoracic spine.",
)
IMPRESSION_EN = (
    "Right lower lobe pneumonia. Follow-up is recommended.",
    "Left upper lobe nodule; CT is recommended.",
    "No acute cardiopulmonary disease.",
)
READERS = ("柏医师甲", "窦医师乙", "章医师丙")
READERS_EN = ("Planted Reader", "Madeup Reviewer")
COLUMNS = (
    "检查号", "StudyInstanceUID", "病历号", "姓名", "性别", "出生日期", "检查时间", "设备",
    "部位", "影像所见", "诊断意见", "报告医师", "审核医师", "报告时间", "状态",
)  # fmt: skip
MAPPING = """\
columns:
  accession: 检查号
  study_uid: StudyInstanceUID
  patient_number: 病历号
  patient_name: 姓名
  sex: 性别
  birth_date: 出生日期
  study_time: 检查时间
  modality: 设备
  body_part: 部位
  findings: 影像所见
  impression: 诊断意见
  author: 报告医师
  reviewer: 审核医师
  reported_at: 报告时间
  status: 状态
statuses:
  已审核: final
  补充: addendum
  更正: corrected
  草稿: preliminary
  作废: cancelled
"""


@dataclass(frozen=True)
class PastStudy:
    """A study, whose it is, and what its report of those days said."""

    number: int
    study_uid: str
    accession: str
    patient_number: str
    name: str
    sex: str
    born: date
    taken: datetime
    findings: str
    impression: str
    author: str
    reviewer: str
    reported_at: datetime
    status: str = "已审核"
    planted: tuple[str, ...] = field(default=(), repr=False)
    """Identity that stands in the text."""
    words: tuple[str, ...] = field(default=(), repr=False)
    """The clinical sentences of the text, as they are without the identity."""


class Break(StrEnum):
    """A way in which a record is no good."""

    EMPTY = "empty"
    BROKEN_QUOTE = "broken_quote"
    TORN_ROW = "torn_row"
    UNKNOWN_ACCESSION = "unknown_accession"
    OTHER_PATIENT = "other_patient"
    NEAR_DUPLICATE = "near_duplicate"
    LONE_ADDENDUM = "lone_addendum"
    WRONG_CHARSET = "wrong_charset"
    PRELIMINARY = "preliminary"
    NO_IDENTIFIER = "no_identifier"


REASONS = {
    Break.EMPTY: "empty",
    Break.BROKEN_QUOTE: "unreadable",
    Break.TORN_ROW: "unreadable",
    Break.UNKNOWN_ACCESSION: "unmatched",
    Break.OTHER_PATIENT: "wrong_patient",
    Break.NEAR_DUPLICATE: "near_duplicate",
    Break.LONE_ADDENDUM: "addendum_without_report",
    Break.WRONG_CHARSET: "wrong_characters",
    Break.PRELIMINARY: "not_final",
    Break.NO_IDENTIFIER: "no_identifier",
}
"""What an import must say of each."""


@dataclass(frozen=True)
class Truth:
    """What is in a file."""

    reports: int
    addenda: int
    reasons: Counter[str]


@dataclass(frozen=True)
class Record:
    """One row, message or document, and how it is broken."""

    study: PastStudy
    broken: Break | None = None
    text_before: bool = False
    """Nothing but an addendum that stands before its report."""


def past_studies(count: int, seed: int = 1) -> list[PastStudy]:
    """`count` studies of made-up patients, every tenth patient with two studies."""
    dice = random.Random(seed)
    found: list[PastStudy] = []
    for number in range(count):
        study = _study(number, dice)
        if number % 10 == 9:
            same = found[-1]
            study = replace(
                study,
                patient_number=same.patient_number,
                name=same.name,
                sex=same.sex,
                born=same.born,
            )
        found.append(study)
    return found


def _study(number: int, dice: random.Random) -> PastStudy:
    taken = datetime(2015, 1, 5, 8) + timedelta(days=dice.randrange(3000), minutes=number % 600)
    name = dice.choice(SURNAMES) + dice.choice(GIVEN)
    patient_number = f"PLN{700000 + number * 7}"
    zh = number % 4 != 0
    author, reviewer = (READERS[:2] if zh else READERS_EN) if number % 3 else (READERS[2], "")
    before = taken - timedelta(days=200)
    if zh:
        words = tuple(dice.sample(FINDINGS_ZH, 4))
        concluded = tuple(dice.sample(IMPRESSION_ZH, 2))
        planted: tuple[str, ...] = (name, f"{before:%Y-%m-%d}", patient_number)
        findings = f"患者{name}（病历号{patient_number}），与{before:%Y-%m-%d}片比较：" + "".join(
            words
        )
        impression = "\n".join(f"{place}. {text}" for place, text in enumerate(concluded, 1))
    else:
        words = tuple(dice.sample(FINDINGS_EN, 4))
        concluded = (dice.choice(IMPRESSION_EN),)
        planted = (f"{before:%m/%d/%Y}", patient_number)
        findings = f"Comparison: {before:%m/%d/%Y}. MRN {patient_number}. " + " ".join(words)
        impression = concluded[0]
    return PastStudy(
        number=number,
        study_uid=f"1.2.826.0.1.999.{number}",
        accession=f"ACC{100000 + number}",
        patient_number=patient_number,
        name=name,
        sex="男" if number % 2 else "女",
        born=date(1940 + number % 60, 1 + number % 12, 2 + number % 26),
        taken=taken,
        findings=findings,
        impression=impression,
        author=author,
        reviewer=reviewer,
        reported_at=taken + timedelta(hours=2),
        planted=(*planted, author, *filter(None, [reviewer])),
        words=words + concluded,
    )


def records(studies: Sequence[PastStudy]) -> list[Record]:
    """Return one record or more of each study: a tenth is broken, in ten ways by turns."""
    ways = list(Break)
    made: list[Record] = []
    for study in studies:
        addendum = replace(
            study,
            status="补充",
            findings="",
            impression=f"补充报告：左侧第{study.number % 9 + 1}肋骨陈旧性骨折。",
            reported_at=study.reported_at + timedelta(days=1),
        )
        if study.number % 10 == 3:
            way = ways[study.number // 10 % len(ways)]
            made += _broken(study, addendum, way)
        elif study.number % 20 == 6:
            made += [Record(study), Record(addendum)]
        elif study.number % 20 == 16:
            made += [Record(addendum, text_before=True), Record(study)]
        else:
            made.append(Record(study))
    return made


def _broken(study: PastStudy, addendum: PastStudy, way: Break) -> list[Record]:
    match way:
        case Break.EMPTY:
            return [Record(replace(study, findings="  ", impression=""), way)]
        case Break.UNKNOWN_ACCESSION:
            return [Record(replace(study, accession=f"XX{study.number}", study_uid=""), way)]
        case Break.OTHER_PATIENT:
            other = replace(study, patient_number="PLN999", name="贾宝莹", born=date(1971, 7, 7))
            return [Record(other, way)]
        case Break.NEAR_DUPLICATE:
            again = replace(
                study,
                findings=study.findings.replace("，", " ， ").replace(". ", ".  ") + " ",
                reported_at=study.reported_at + timedelta(minutes=5),
            )
            return [Record(study), Record(again, way)]
        case Break.LONE_ADDENDUM:
            return [Record(addendum, way)]
        case Break.PRELIMINARY:
            return [Record(replace(study, status="草稿"), way)]
        case Break.NO_IDENTIFIER:
            return [Record(replace(study, accession="", study_uid=""), way)]
        case _:
            return [Record(study, way)]


def truth(made: Sequence[Record]) -> Truth:
    """Return what an import of `made` must count."""
    good = [record for record in made if record.broken is None]
    return Truth(
        reports=sum(record.study.status == "已审核" for record in good),
        addenda=sum(record.study.status == "补充" for record in good),
        reasons=Counter(REASONS[record.broken] for record in made if record.broken is not None),
    )


def csv_bytes(made: Sequence[Record], encoding: str = "utf-8-sig") -> bytes:
    """Write `made` as a CSV, as hospitals' exports do, broken rows as they break."""
    lines = [",".join(COLUMNS).encode(encoding)]
    plain = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding)
    lines += [_row(record, plain) for record in made]
    end = "\r\n".encode(plain)
    return end.join(lines) + end


def _row(record: Record, encoding: str) -> bytes:
    study = record.study
    values = list(fields(study))
    text = ",".join(map(_quoted, values))
    match record.broken:
        case Break.BROKEN_QUOTE:
            opened = values[9]
            values[9] = ""
            before, after = ",".join(map(_quoted, values)).split(",,", 1)
            text = f'{before},"{opened} 见"图1,{after}'
        case Break.TORN_ROW:
            text = ",".join(map(_quoted, values[:7]))
        case Break.WRONG_CHARSET if encoding == "utf-8":
            return text.encode("gb18030")
        case Break.WRONG_CHARSET:
            text = text.replace(values[13], f"{values[13]}\ufffd\ufffd") + "\ufffd"
            text = ",".join(map(_quoted, [*values[:9], "\ufffd" * 9, *values[10:]]))
            if encoding == "gb18030":
                return text.replace("\ufffd" * 9, "\0").encode(encoding).replace(b"\0", b"\xff" * 9)
    return text.encode(encoding)


def fields(study: PastStudy) -> Iterator[str]:
    """Yield the values of a row, in the order of `COLUMNS`."""
    yield study.accession
    yield study.study_uid
    yield study.patient_number
    yield study.name
    yield study.sex
    yield f"{study.born:%Y-%m-%d}"
    yield f"{study.taken:%Y-%m-%d %H:%M:%S}"
    yield "DR"
    yield "胸部"
    yield study.findings
    yield study.impression
    yield study.author
    yield study.reviewer
    yield f"{study.reported_at:%Y-%m-%d %H:%M:%S}"
    yield study.status


def _quoted(value: str) -> str:
    if any(character in value for character in ',"\n\r'):
        return '"' + value.replace('"', '""') + '"'
    return value


def oru_message(record: Record) -> bytes:
    """Write a record as an HL7 result, broken as messages break: cut off, or without its
    beginning."""
    study = record.study
    addendum = study.status == "补充"
    filler = f"F{study.number}" if study.accession else ""
    status = {"已审核": "F", "补充": "F", "更正": "C", "草稿": "P", "作废": "X"}[study.status]
    lines = [
        "MSH|^~\\&|RIS|MADEUP|RADRAFT|SITE|"
        f"{study.reported_at:%Y%m%d%H%M%S}||ORU^R01^ORU_R01|{study.number}|P|2.5.1"
        "||||||UNICODE UTF-8",
        f"PID|1||{study.patient_number}^^^MADEUP^PI||{study.name[:1]}^{study.name[1:]}||"
        f"{study.born:%Y%m%d}|{'M' if study.sex == '男' else 'F'}",
        f"ORC|RE||{filler}",
        f"OBR|1||{filler}|DR^胸部|||{study.taken:%Y%m%d%H%M%S}|||||||||||{study.accession}"
        f"||||{study.reported_at:%Y%m%d%H%M%S}||DX|{status}|||||||&{study.reviewer}|&{study.author}",
    ]
    if study.study_uid:
        lines.append(f"OBX|1|ST|110180^Study Instance UID^DCM||{study.study_uid}||||||F")
    concluded = "ADT^补充报告^L" if addendum else "19005-8^Impression^LN"
    for code, text in (
        ("59776-5^Findings^LN", study.findings),
        (concluded, study.impression),
    ):
        if not (addendum and not text):
            escaped = text.replace("\\", "\\E\\").replace("&", "\\T\\").replace("|", "\\F\\")
            escaped = escaped.replace("^", "\\S\\").replace("~", "\\R\\").replace("\n", "\\.br\\")
            lines.append(f"OBX|2|FT|{code}||{escaped}||||||{status}")
    data = ("\r".join(lines) + "\r").encode()
    match record.broken:
        case Break.BROKEN_QUOTE:
            return ("\r".join(lines[:2]) + "\r").encode()
        case Break.TORN_ROW:
            return data[3:]
        case Break.WRONG_CHARSET:
            return data.replace(b"\rOBX|2", b"\xff\xff\xff\rOBX|2", 1)
    return data


SR_BROKEN = {
    Break.BROKEN_QUOTE: "unreadable",
    Break.TORN_ROW: "not_a_report",
}
"""What an import must say of a document that ends in its middle, and of one that lacks its
beginning."""
SR_WHOLE = frozenset({Break.WRONG_CHARSET, Break.LONE_ADDENDUM})
"""Documents have their character set with them, and no word for an addendum."""


def sr_document(record: Record) -> bytes:
    """Write a record as a Basic Text structured report, in GB 18030."""
    study = record.study
    dataset = Dataset()
    dataset.SpecificCharacterSet = "GB18030"
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    dataset.SOPInstanceUID = f"{study.study_uid or '1.2.826.0.1.998.' + str(study.number)}.9"
    dataset.StudyInstanceUID = study.study_uid
    dataset.SeriesInstanceUID = f"{dataset.SOPInstanceUID}.1"
    dataset.AccessionNumber = study.accession
    dataset.Modality = "SR"
    dataset.PatientID = study.patient_number
    dataset.PatientName = f"{study.name[:1]}^{study.name[1:]}"
    dataset.PatientBirthDate = f"{study.born:%Y%m%d}"
    dataset.PatientSex = "M" if study.sex == "男" else "F"
    dataset.StudyDate, dataset.StudyTime = f"{study.taken:%Y%m%d}", f"{study.taken:%H%M%S}"
    dataset.ContentDate = f"{study.reported_at:%Y%m%d}"
    dataset.ContentTime = f"{study.reported_at:%H%M%S}"
    dataset.CompletionFlag = "PARTIAL" if study.status == "草稿" else "COMPLETE"
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.ValueType = "CONTAINER"
    dataset.ConceptNameCodeSequence = [_concept("18748-4", "LN", "Diagnostic imaging report")]
    dataset.ContentSequence = [
        _container("121070", "Findings", "121071", "Finding", study.findings),
        _container("121072", "Impressions", "121073", "Impression", study.impression),
    ]
    author = Dataset()
    author.PersonName = study.author
    dataset.AuthorObserverSequence = [author]
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    data = stream.getvalue()
    match record.broken:
        case Break.BROKEN_QUOTE:
            return data[: len(data) * 2 // 3]
        case Break.TORN_ROW:
            return data[200:]
    return data


def _concept(code: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, scheme, meaning
    return item


def _container(code: str, name: str, item_code: str, item_name: str, text: str) -> Dataset:
    container, item = Dataset(), Dataset()
    container.RelationshipType = item.RelationshipType = "CONTAINS"
    container.ValueType, item.ValueType = "CONTAINER", "TEXT"
    container.ContinuityOfContent = "SEPARATE"
    container.ConceptNameCodeSequence = [_concept(code, "DCM", name)]
    item.ConceptNameCodeSequence = [_concept(item_code, "DCM", item_name)]
    item.TextValue = text
    container.ContentSequence = [item] if text.strip() else []
    return container
