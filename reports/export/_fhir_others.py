"""What a FHIR R4 bundle refers to and others own: patient, people, institution, model, order,
study; and what names each resource within the bundle."""

from __future__ import annotations

from collections.abc import Iterator

from radraft.reports.export import _fhir_values as fhir, terminology
from radraft.reports.export._fhir_values import Json
from radraft.reports.export.header import one_line, patient_number
from radraft.reports.export.names import PersonName, Representation, person_names
from radraft.reports.export.values import Drafter, OutgoingImage, OutgoingReport
from radraft.reports.people import Person
from radraft.studies.kos import Reference

AI_DEVICE_TYPES = "http://hl7.org/fhir/uv/aitransparency/CodeSystem/AIdeviceTypeCS"
_REPRESENTATIONS = {
    Representation.ALPHABETIC: "ABC",
    Representation.IDEOGRAPHIC: "IDE",
    Representation.PHONETIC: "SYL",
}
_GENDERS = {"M": "male", "F": "female", "O": "other"}


def organization_url(report: OutgoingReport) -> str:
    """Return what names the hospital."""
    return fhir.full_url("Organization", report.institution.site)


def patient_url(report: OutgoingReport) -> str:
    """Return what names the patient."""
    return fhir.full_url("Patient", report.case_id)


def practitioner_url(report: OutgoingReport, person: Person) -> str:
    """Return what names a member of staff."""
    return fhir.full_url("Practitioner", report.institution.site, person.id or "")


def device_url(report: OutgoingReport) -> str:
    """Return what names the model."""
    model = report.drafter.model_id if report.drafter else ""
    return fhir.full_url("Device", report.institution.site, model)


def order_url(report: OutgoingReport) -> str:
    """Return what names the order."""
    return fhir.full_url("ServiceRequest", report.case_id)


def study_url(report: OutgoingReport) -> str:
    """Return what names the study."""
    return fhir.full_url("ImagingStudy", report.case_id)


def image_url(report: OutgoingReport, image: OutgoingImage) -> str:
    """Return what names a key image."""
    return fhir.full_url("Media", report.case_id, image.image_id)


def report_url(report: OutgoingReport) -> str:
    """Return what names the report."""
    return fhir.full_url("DiagnosticReport", report.case_id)


def referable(report: OutgoingReport) -> Iterator[OutgoingImage]:
    """Yield the key images whose object is known."""
    return (image for image in report.key_images if image.reference is not None)


def person(report: OutgoingReport, person: Person) -> Json:
    """Return a reference to a member of staff; of a typed name, which is no identity, the name."""
    if person.id is None:
        return {"display": person.name}
    return fhir.reference(practitioner_url(report, person), person.name)


def organization(report: OutgoingReport) -> Json:
    """Return the hospital."""
    institution = report.institution
    lang = report.languages[0]
    name = institution.name(lang)
    other = institution.name("en" if lang == "zh" else "zh")
    return {
        "resourceType": "Organization",
        "language": lang,
        "identifier": [fhir.identifier(fhir.own_numbering(institution, "sites"), institution.site)],
        "name": name,
        **({"alias": [other]} if other != name else {}),
    }


def patient(report: OutgoingReport) -> Json:
    """Return the patient, named as DICOM names him."""
    patient = report.examination.patient
    system = fhir.numbering(report.institution)
    names = [_human_name(name) for name in person_names(patient.name)]
    return {
        "resourceType": "Patient",
        "identifier": [fhir.identifier(system, patient_number(report), "MR")],
        **({"name": names} if names else {}),
        "gender": _GENDERS.get(patient.sex, "unknown"),
        **({"birthDate": patient.birth_date.isoformat()} if patient.birth_date else {}),
    }


def _human_name(name: PersonName) -> Json:
    parts: Json = {"family": name.family} if name.family else {}
    lists = {
        "given": [part for part in (name.given, name.middle) if part],
        "prefix": [name.prefix] if name.prefix else [],
        "suffix": [name.suffix] if name.suffix else [],
    }
    return {
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation",
                "valueCode": _REPRESENTATIONS[name.representation],
            }
        ],
        "use": "official",
        **parts,
        **{kind: part for kind, part in lists.items() if part},
    }


def practitioner(report: OutgoingReport, person: Person) -> Json:
    """Return a member of staff who has an account."""
    system = fhir.own_numbering(report.institution, "accounts")
    return {
        "resourceType": "Practitioner",
        "identifier": [fhir.identifier(system, person.id or "")],
        "name": [{"text": person.name}],
    }


def device(report: OutgoingReport, drafter: Drafter) -> Json:
    """Return the model that drafted the report (AI Transparency on FHIR, AI Device)."""
    system = fhir.own_numbering(report.institution, "models")
    model_id, adapter = drafter.model_id, drafter.adapter_id
    return {
        "resourceType": "Device",
        "identifier": [fhir.identifier(system, f"{model_id}+{adapter}" if adapter else model_id)],
        "status": "active",
        "deviceName": [{"name": model_id, "type": "model-name"}],
        "type": {
            "coding": [
                {
                    "system": AI_DEVICE_TYPES,
                    "code": "Artificial-Intelligence",
                    "display": "All kinds of Artificial Intelligence",
                }
            ]
        },
        **({"version": [{"value": adapter}]} if adapter else {}),
    }


def service_request(report: OutgoingReport) -> Json:
    """Return the order, of which the accession is known alone."""
    return {
        "resourceType": "ServiceRequest",
        "identifier": [
            fhir.identifier(
                fhir.numbering(report.institution), report.examination.accession, "ACSN"
            )
        ],
        "status": "completed",
        "intent": "order",
        "subject": fhir.reference(patient_url(report)),
    }


def imaging_study(report: OutgoingReport) -> Json:
    """Return the study, of its images the key images: an archive that has it knows them all."""
    study = report.examination
    made: Json = {
        "resourceType": "ImagingStudy",
        "identifier": [fhir.identifier("urn:dicom:uid", f"urn:oid:{study.study_uid}")],
        "status": "available",
        "subject": fhir.reference(patient_url(report)),
    }
    if study.modality:
        made["modality"] = [_modality(report)]
    if study.study_time:
        made["started"] = fhir.date_time(study.study_time, report.institution)
    if study.accession:
        made["basedOn"] = [fhir.reference(order_url(report))]
    if study.description.strip():
        made["description"] = one_line(study.description)
    series = _series(report)
    if series:
        made["series"] = series
    return made


def _modality(report: OutgoingReport) -> Json:
    return {"system": terminology.DICOM.url, "code": report.examination.modality}


def _series(report: OutgoingReport) -> list[Json]:
    """Return the key images by series, each object once."""
    by_series: dict[str, dict[str, Reference]] = {}
    for image in referable(report):
        if image.reference is not None:
            objects = by_series.setdefault(image.reference.series_uid, {})
            objects.setdefault(image.reference.sop_instance_uid, image.reference)
    return [
        {
            "uid": uid,
            "modality": _modality(report),
            "instance": [
                {
                    "uid": reference.sop_instance_uid,
                    "sopClass": {
                        "system": "urn:ietf:rfc:3986",
                        "code": f"urn:oid:{reference.sop_class_uid}",
                    },
                }
                for reference in objects.values()
            ],
        }
        for uid, objects in by_series.items()
    ]
