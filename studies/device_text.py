"""What a study says of its device and operator, without what says who was examined."""

from __future__ import annotations

from dataclasses import replace

from radraft.studies import _names
from radraft.studies._agree import known_number, plain_number
from radraft.studies._scrub import REMOVED, scrub
from radraft.studies.deid.recognisers import Kind
from radraft.studies.values import Study, Technique

_STATION = frozenset(Kind) - {Kind.INSTITUTION, Kind.NUMBER}
"""Serial numbers and hospitals' names tell stations apart."""
_MAKE = _STATION - {Kind.PERSON}
"""Makers are called after people."""
_LEAST_NUMBER = 3
"""Characters of a Patient ID that is looked for in a name."""


def without_identity(taken: Technique, study: Study) -> Technique:
    """Return `taken` with identity in device and operator replaced by `***`.

    Of devices, what the header knows of the patient and what looks like anybody's identity, beside
    the names of makers and hospitals. Operators keep their names, unless it is the patient's: a
    colleague may well share one part of it.
    """
    return replace(
        taken,
        manufacturer=scrub(taken.manufacturer, study, _MAKE),
        model=scrub(taken.model, study, _MAKE),
        station=scrub(taken.station, study, _STATION),
        operator=REMOVED if _is_patient(taken.operator, study) else taken.operator,
    )


def _is_patient(operator: str, study: Study) -> bool:
    sounds = _names.parse(operator).sounds
    names = (study.patient.name, *study.other_names)
    if any(sounds & _names.parse(name).sounds for name in names):
        return True
    number = known_number(study.patient.patient_id)
    return len(number) >= _LEAST_NUMBER and number in plain_number(operator)
