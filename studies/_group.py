"""Puts the headers of single files together to studies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any

from radraft.studies._ages import age_in_years, date_of
from radraft.studies._files import FoundFile, Refusal
from radraft.studies.one_patient import PATIENTS_DIFFER, name_two_patients
from radraft.studies.priority import most_urgent
from radraft.studies.values import Instance, Patient, Study, StudyPriority, Technique

_Header = dict[str, Any]


_NOBODY = Patient("", "", None, "")


@dataclass(frozen=True)
class GroupedFiles:
    """Files by the study that they are of."""

    studies: tuple[Study, ...]
    """In the order of their first file."""
    mixed: tuple[Study, ...]
    """Studies whose files name more than one patient, without identity."""
    selections: tuple[tuple[FoundFile, _Header], ...]
    """Those that belong to no mixed study."""
    refusals: list[Refusal]
    """Every file that is in none of `studies`."""


def group(
    headers: Iterable[tuple[FoundFile, _Header]],
    selections: Iterable[tuple[FoundFile, _Header]] = (),
) -> GroupedFiles:
    """Put image files together to studies.

    A study is one patient's: where any two of its files (Key Object Selections, too) name different
    patients, nobody can tell whose it is, and all of them are refused.
    """
    images, marking = list(headers), list(selections)
    mixed = mixed_studies(header for _, header in (*images, *marking))
    members: dict[str, list[tuple[FoundFile, _Header]]] = {}
    strangers: dict[str, list[tuple[FoundFile, _Header]]] = {}
    seen: set[str] = set()
    refusals = []
    for found, header in images:
        if header["study_uid"] in mixed:
            strangers.setdefault(header["study_uid"], []).append((found, header))
            refusals.append(Refusal(found.shown, PATIENTS_DIFFER))
        elif header["sop_instance_uid"] in seen:
            refusals.append(Refusal(found.shown, "duplicate_instance"))
        else:
            seen.add(header["sop_instance_uid"])
            members.setdefault(header["study_uid"], []).append((found, header))
    refusals += [
        Refusal(found.shown, PATIENTS_DIFFER)
        for found, header in marking
        if header["study_uid"] in mixed
    ]
    return GroupedFiles(
        studies=tuple(map(_study, members.values())),
        mixed=tuple(map(_mixed, strangers.values())),
        selections=tuple(pair for pair in marking if pair[1]["study_uid"] not in mixed),
        refusals=refusals,
    )


def _mixed(files: list[tuple[FoundFile, _Header]]) -> Study:
    """Return a study of nobody that still knows what must be scrubbed from its texts."""
    study = _study(files)
    names = {header["name"] for _, header in files if header["name"]}
    return replace(study, patient=_NOBODY, other_names=tuple(sorted(names | {*study.other_names})))


def mixed_studies(headers: Iterable[_Header]) -> frozenset[str]:
    """Return the Study Instance UIDs under which more than one patient is named."""
    patients: dict[str, list[Patient]] = {}
    for header in headers:
        patients.setdefault(header["study_uid"], []).append(_patient(header))
    return frozenset(uid for uid, named in patients.items() if name_two_patients(named))


def _patient(header: _Header) -> Patient:
    return Patient(header["patient_id"], header["name"], date_of(header["birth_date"]), "")


def mark(
    studies: tuple[Study, ...], selections: Iterable[tuple[FoundFile, _Header]]
) -> tuple[tuple[Study, ...], list[Refusal]]:
    """`studies` with what Key Object Selections mark; those of no study here are refused."""
    marked: dict[str, list[str]] = {study.study_uid: [] for study in studies}
    strays = []
    for found, header in selections:
        if header["study_uid"] in marked:
            marked[header["study_uid"]] += header["marks"]
        else:
            strays.append(Refusal(found.shown, "not_an_image"))
    return tuple(
        replace(study, marked=tuple(dict.fromkeys(marked[study.study_uid]))) for study in studies
    ), strays


def _study(members: list[tuple[FoundFile, _Header]]) -> Study:
    headers = [header for _, header in members]

    def first(key: str) -> str:
        """Return the first value that any of the study's files has, a readable one where there is
        one."""
        sent = [header[key] for header in headers if header[key]]
        return next((value for value in sent if "\ufffd" not in value), next(iter(sent), ""))

    born, taken = date_of(first("birth_date")), date_of(first("date"))
    return Study(
        study_uid=first("study_uid"),
        accession=first("accession"),
        patient=Patient(first("patient_id"), first("name"), born, first("sex")),
        modality=first("modality"),
        body_part=first("body_part"),
        study_time=_moment(taken, first("time")),
        description=first("description"),
        history=first("history"),
        age_years=age_in_years(first("age"), born, taken),
        instances=tuple(sorted((_instance(*member) for member in members), key=_reading_order)),
        issues=tuple(sorted({issue for header in headers for issue in header["issues"]})),
        other_names=tuple(sorted({name for header in headers for name in header["other_names"]})),
        priority=most_urgent(StudyPriority(header["priority"]) for header in headers),
    )


def _instance(found: FoundFile, header: _Header) -> Instance:
    return Instance(
        sop_instance_uid=header["sop_instance_uid"],
        sop_class_uid=header["sop_class_uid"],
        series_uid=header["series_uid"],
        series_number=header["series_number"],
        instance_number=header["instance_number"],
        path=found.path,
        frames=header["frames"],
        rows=header["rows"],
        columns=header["columns"],
        view_position=header["view_position"],
        transfer_syntax=header["transfer_syntax"],
        technique=_technique(header["technique"]),
    )


def _technique(said: dict[str, Any]) -> Technique:
    """Lists become tuples again: a worker speaks JSON."""
    kept: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in said.items()}
    return Technique(**kept)


def _reading_order(instance: Instance) -> tuple[int, str, int, str]:
    return (
        instance.series_number or 0,
        instance.series_uid,
        instance.instance_number or 0,
        instance.sop_instance_uid,
    )


def _moment(day: date | None, text: str) -> datetime | None:
    """Day and time of day (TM: HHMMSS.FFFFFF, any tail of it missing), without a time zone."""
    if day is None:
        return None
    digits = text.replace(":", "").split(".")[0].ljust(6, "0")[:6]
    try:
        return datetime.combine(day, time(int(digits[:2]), int(digits[2:4]), int(digits[4:])))
    except ValueError:
        return datetime.combine(day, time())
