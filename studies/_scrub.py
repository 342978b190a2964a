"""Takes identity out of free text: what the study's header knows, then what looks like identity.

The rules after the HIPAA safe harbour list (45 CFR 164.514(b)(2)) and Chinese forms of the same are
`deid.recognisers_*`; docs/deidentification.md says what they find, counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from radraft.studies._known import WIDE, KnownPatterns, known
from radraft.studies.deid import text as deid_text
from radraft.studies.deid.recognisers import IdentitySpan, Kind
from radraft.studies.deid.text import REMOVED
from radraft.studies.values import Study

__all__ = ["REMOVED", "scrub"]

_MOST_PASSES = 20


def scrub(text: str, study: Study, kinds: Set[Kind] = frozenset(Kind)) -> str:
    """Return `text` on one line with identity replaced by `***`; twice changes nothing more.

    `kinds`: what of radraft's own kinds is taken out beside the identity in the study's header; a
    hospital's own kinds always are.
    """
    text = " ".join(text.translate(WIDE).split())
    if not text:
        # Before the patterns of this patient are made: most studies come without a history.
        return text
    kept = {str(kind) for kind in Kind} - {str(kind) for kind in kinds}
    of_header = known(
        (study.patient.name, *study.other_names),
        (study.patient.patient_id, study.accession, study.study_uid),
        study.patient.birth_date,
    )
    # What is taken out may show something more: a label beside what is left of a longer word.
    for _ in range(_MOST_PASSES):
        text = deid_text.pool_ages(text) if Kind.AGE in kinds else text
        looks = [match for match in deid_text.find(text) if match.kind not in kept]
        found = (*_of_header(text, of_header), *looks)
        if not found:
            return text
        text = deid_text.take_out(text, deid_text.joined(found))
    # Texts that people write need two or three passes: this is none.
    return REMOVED


def _of_header(text: str, of_header: KnownPatterns) -> Iterator[IdentitySpan]:
    for span in of_header.find(text):
        found = IdentitySpan(*span, Kind.PERSON, "header", 1.0)
        yield from deid_text.around_stars(found, text)
