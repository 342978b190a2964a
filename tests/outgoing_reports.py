"""Signed reports on their way out, in all the shapes that the forms have to carry. All people and
numbers are made up."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import cycle, islice, product
from typing import Any

from radraft.reports.export.coded import coded_findings
from radraft.reports.export.values import (
    Drafter,
    Examination,
    Institution,
    OutgoingImage,
    OutgoingReport,
    PriorExamination,
    outgoing_report,
)
from radraft.reports.people import Person, PersonKind
from radraft.reports.sign import sealed
from radraft.reports.values import (
    LANGS,
    Amendment,
    AmendmentKind,
    ConfirmedLanguage,
    Lang,
    Manner,
    Origin,
    Report,
    Sentence,
    SignedReport,
    Signing,
    both,
)
from radraft.studies.kos import Reference
from radraft.studies.values import Patient

FINDINGS = (
    ("双肺纹理增多。", "Increased lung markings in both lungs."),
    ("右上肺见结节影，大小约12mm×9mm。", "A nodule in the right upper lobe, about 12 x 9 mm."),
    ("左侧胸腔少量积液。", "Small left pleural effusion."),
    ("心影不大，未见气胸。", "The heart is not enlarged; no pneumothorax."),
    ("可疑右下肺炎症，较前增大。", "Possible right lower lobe pneumonia, larger than before."),
    ("𠮷骨（U+20BB7）如常 <a&b> |^~\\& “引号”。", "Bone ‘𠮷’ as usual <a&b> |^~\\& \"quoted\"."),
    ("L2/3椎间盘突出3.5 mm。", "L2/3 disc herniation of 3.5 mm."),
)  # fmt: skip
MEASURED = (
    ("左侧气胸，肺压缩约30%。", "Left pneumothorax with about 30% lung compression."),
    ("右侧基底节区脑出血，量约25ml。", "Right basal ganglia haemorrhage of about 25 ml."),
    ("双侧胸腔积液，较前减少。", "Bilateral pleural effusions, decreased since the prior."),
    ("右下肺肿块，大小约45mm×38mm×30mm，新出现。", "New right lower lobe mass of 45 x 38 x 30 mm."),
)  # fmt: skip
IMPRESSION = (
    ("1. 右上肺结节，建议CT复查。", "1. Right upper lobe nodule; CT follow-up is advised."),
    ("2. 左侧少量胸腔积液。", "2. Small left pleural effusion."),
)
INSTITUTION = Institution(
    "site-a", "示例市人民医院", "Example City People's Hospital", "放射科", "Radiology",
    "1.2.156.99999.1",
)  # fmt: skip
CR = "1.2.840.10008.5.1.4.1.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
PATIENTS = (
    Patient("PLANTED-4711", "Wei^Planted=魏^植入", date(1970, 1, 2), "F"),
    Patient("PLANTED-4712", "欧阳^假名", date(2021, 12, 31), "M"),
    Patient("PLANTED|4713", "O'Planted^Äöü^Dr.", None, ""),
    Patient("PLANTED-4714", "𠮷^假", date(1931, 2, 28), "O"),
)
AUTHOR = Person(PersonKind.ACCOUNT, "林书写", "a-1111111111111111")
REVIEWER = Person(PersonKind.ACCOUNT, "Jürgen Prüfer 审", "a-2222222222222222")
SIGNED_AT = datetime(2026, 3, 4, 6, 7, 8, 901000, tzinfo=UTC)


def examination(number: int = 1, **changes: Any) -> Examination:
    """Study `number`, one of the patients."""
    made = Examination(
        study_uid=f"1.2.826.0.1.3680043.10.1.{number}",
        accession=f"PACC{number:06d}",
        patient=PATIENTS[number % len(PATIENTS)],
        modality="CR",
        body_part="CHEST",
        study_time=datetime(2026, 3, 4, 13, 6, 7),
        age_years=56,
        description="Chest PA 胸部正位",
        history="咳嗽三天",
    )
    return replace(made, **changes)


def images(number: int, count: int, *, frames: bool = False) -> tuple[OutgoingImage, ...]:
    """`count` key images; those of a multi-frame object with `frames`."""
    sop_class = ENHANCED_CT if frames else CR
    return tuple(
        OutgoingImage(
            hashlib.sha256(f"{number}/{index}".encode()).hexdigest(),
            Reference(
                sop_class,
                f"1.2.826.0.1.3680043.10.2.{number}.{1 if frames else index + 1}",
                f"1.2.826.0.1.3680043.10.3.{number}",
                (index,) if frames else (),
            ),
        )
        for index in range(count)
    )


def signed(
    number: int = 1,
    *,
    languages: tuple[Lang, ...] = LANGS,
    findings: int = 4,
    impression: int = 2,
    origin: Origin = Origin.MODEL,
    reviewed: bool = True,
    before: SignedReport | None = None,
    kind: AmendmentKind = AmendmentKind.AMENDMENT,
    texts: tuple[tuple[str, str], ...] = FINDINGS,
) -> SignedReport:
    """A signed version, its findings of `texts`; with `before` the one that takes its place."""

    def sentences(
        prefix: str, texts: tuple[tuple[str, str], ...], count: int
    ) -> tuple[Sentence, ...]:
        chosen = (texts[(number + index) % len(texts)] for index in range(count))
        return tuple(
            Sentence(
                f"{prefix}{index}",
                both(zh if "zh" in languages else "", en if "en" in languages else "", origin),
            )
            for index, (zh, en) in enumerate(chosen, start=1)
        )

    case_id = f"c-{hashlib.sha256(str(number).encode()).hexdigest()[:16]}"
    signed_at = SIGNED_AT + timedelta(minutes=number)
    submitted_at = signed_at - timedelta(minutes=9)
    manner = Manner.REVIEWED if reviewed else Manner.ALONE
    return sealed(
        SignedReport(
            case_id=case_id,
            version=1 if before is None else before.version + 1,
            report=Report(
                case_id,
                sentences("f", texts, findings),
                sentences("i", IMPRESSION, impression),
            ),
            draft_sha="ab" * 32 if origin is Origin.MODEL else None,
            author=AUTHOR,
            reviewer=REVIEWER if reviewed else None,
            signed_at=signed_at if before is None else before.signed_at + timedelta(hours=1),
            confirmed=tuple(
                ConfirmedLanguage(lang, REVIEWER if reviewed else AUTHOR) for lang in languages
            ),
            supersedes=None if before is None else before.content_sha,
            content_sha="",
            signing=Signing(manner, submitted_at if reviewed else None, "", False),
            amendment=None if before is None else Amendment(kind, "左右写反，更正。"),
        )
    )  # fmt: skip


def outgoing(
    version: SignedReport | None = None, number: int = 1, **changes: Any
) -> OutgoingReport:
    """`version`, a plain one where none is given, of study `number` as it leaves."""
    version = signed(number) if version is None else version
    given: dict[str, Any] = {
        "examination": examination(number),
        "institution": INSTITUTION,
        "key_images": images(number, 2),
        "drafter": Drafter("starter@0123456789abcdef", "cd" * 32, version.draft_sha)
        if version.draft_sha is not None
        else None,
    }
    return outgoing_report(version, **{**given, **changes})


@dataclass(frozen=True)
class Shape:
    """A study whose report was signed once or more often, and what of it leaves."""

    number: int
    versions: tuple[SignedReport, ...]
    """First to newest."""
    examination: Examination
    institution: Institution
    key_images: int
    frames: bool
    """Whether the key images are frames of one object."""
    priors: tuple[PriorExamination, ...]


def shapes(count: int = 200) -> Iterator[Shape]:
    """Yield `count` studies of all shapes, as `all_shapes` says; after 360 the shapes come again,
    of other studies."""
    languages: tuple[tuple[Lang, ...], ...] = (LANGS, ("zh",), ("en",))
    sizes = ((4, 2), (1, 0), (40, 9), (0, 1), (7, 2))
    origins = (Origin.MODEL, Origin.PERSON, Origin.TEMPLATE)
    followed: tuple[tuple[AmendmentKind, ...], ...] = (
        (),
        (AmendmentKind.AMENDMENT,),
        (AmendmentKind.ADDENDUM,),
        (AmendmentKind.AMENDMENT, AmendmentKind.ADDENDUM),
    )
    cells = list(product(languages, sizes, origins, followed, (True, False)))
    random.Random(4711).shuffle(cells)
    for number, (langs, (findings, impression), origin, kinds, reviewed) in enumerate(
        islice(cycle(cells), count), start=1
    ):
        given: dict[str, Any] = {
            "languages": langs, "findings": findings, "impression": impression,
            "origin": origin, "reviewed": reviewed, "texts": (*FINDINGS, *MEASURED),
        }  # fmt: skip
        versions = [signed(number, **given)]
        for kind in kinds:
            versions.append(signed(number, before=versions[-1], kind=kind, **given))
        bare = {
            "accession": "", "study_time": None, "age_years": None, "history": "",
            "description": "",
        }  # fmt: skip
        prior = PriorExamination(f"1.2.826.0.1.3680043.10.9.{number}", date(2025, 3, 4), "CR")
        zone = ("", "Asia/Shanghai", "America/Caracas")[number % 4 % 3]
        yield Shape(
            number,
            tuple(versions),
            examination=examination(number, **(bare if number % 5 == 0 else {})),
            institution=Institution("site-a", time_zone=zone)
            if number % 7 == 0
            else replace(INSTITUTION, time_zone=zone),
            key_images=number % 4,
            frames=number % 3 == 0,
            priors=(prior,) if number % 2 == 0 else (),
        )


def all_shapes(count: int = 200) -> tuple[OutgoingReport, ...]:
    """`count` signed reports of all shapes: one language and both, amended and added to, without an
    impression, of 40 sentences, of people's and a model's words, without key images and with frames
    of one object, with measurements and four-byte characters, with a sentence of one language in a
    report of two, without names of an institution, on clocks of three zones."""
    made = []
    for shape in shapes(count):
        leaving = outgoing(
            shape.versions[-1],
            shape.number,
            examination=shape.examination,
            institution=shape.institution,
            key_images=images(shape.number, shape.key_images, frames=shape.frames),
            priors=shape.priors,
        )
        made.append(with_one_language_alone(leaving) if shape.number % 6 == 0 else leaving)
    return tuple(made)


def with_one_language_alone(report: OutgoingReport) -> OutgoingReport:
    """`report` with its first finding in English alone, and its second in Chinese alone, where it
    has both languages and more findings than those."""
    if len(report.languages) < 2 or len(report.report.findings) < 3:
        return report
    first, second, *others = report.report.findings
    findings = (
        replace(first, wordings=first.wordings[1:]),
        replace(second, wordings=second.wordings[:1]),
        *others,
    )
    changed = replace(report.report, findings=findings)
    coded = coded_findings(changed, report.examination.body_part)
    return replace(report, report=changed, findings=coded)
