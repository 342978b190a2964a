"""How soon a study is to be read, from what its header says of its order and its patient's place.

DICOM has a field for the priority of what was asked for, Requested Procedure Priority (0040,1003).
Whether somebody came through the emergency department or lies in a ward stands in free text:
Current Patient Location (0038,0300) and Requesting Service (0032,1033). Of that nothing is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from radraft.studies.values import StudyPriority

MOST_TEXT = 256
"""Characters that are looked at: both are LO, of 64 at most (PS3.5 6.2)."""
_STAT = frozenset({"STAT", "S", "急", "特急", "危急"})
_SOON = frozenset({"HIGH", "URGENT", "ASAP", "A", "P", "T", "急诊", "急診", "加急"})
_NO_HASTE = frozenset(
    {"ROUTINE", "MEDIUM", "LOW", "R", "NORMAL", "普通", "常规", "常規", "平诊", "平診"}
)
_BOTH = re.compile(r"门急诊|門急診|急门诊|急門診")
"""Out-patients and emergencies in one: it does not say which."""
_EMERGENCY = re.compile(
    r"急诊|急診|急救|抢救|搶救|(?<![A-Z])(?:EMERGENCY|EMERG|ER|ED|A&E|EDU)(?![A-Z])"
)
_INPATIENT = re.compile(
    r"住院|病区|病區|病房|病室|病床|监护|監護|(?<![A-Z])(?:IN-?PATIENTS?|WARD|[NPCS]?ICU|CCU)(?![A-Z])"
)
_OUTPATIENT = re.compile(
    r"门诊|門診|体检|體檢|(?<![A-Z])(?:OUT-?PATIENTS?|OPD|CLINIC|AMBULATORY)(?![A-Z])"
)
_ORDER = tuple(StudyPriority)


def study_priority(requested: str, places: Iterable[str]) -> StudyPriority:
    """Return what is said of a study. `requested`: (0040,1003), in DICOM's or HL7's (table 0485)
    terms or in Chinese; `places`: where the patient is and who asks, in a person's words."""
    wanted = requested.strip().upper()
    said = " ".join(_BOTH.sub(" ", place[:MOST_TEXT].upper()) for place in places)
    if wanted in _STAT:
        return StudyPriority.STAT
    if wanted in _SOON or _EMERGENCY.search(said):
        return StudyPriority.EMERGENCY
    if _INPATIENT.search(said):
        return StudyPriority.INPATIENT
    if wanted in _NO_HASTE or _OUTPATIENT.search(said):
        return StudyPriority.ROUTINE
    return StudyPriority.UNKNOWN


def most_urgent(priorities: Iterable[StudyPriority]) -> StudyPriority:
    """Return the most urgent of what several images of a study say."""
    return min(priorities, key=_ORDER.index, default=StudyPriority.UNKNOWN)
