"""Studies of made-up past patients in a store, as the usual intake leaves them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from radraft.store import cases
from radraft.store.database import Store
from radraft.studies.values import Patient
from tests.archive_corpus import PastStudy
from tests.builders import make_deid, make_study

SITE = "site-a"


def case_of(study: PastStudy) -> str:
    """Return the case id of a study."""
    return "c-" + hashlib.sha256(study.study_uid.encode()).hexdigest()[:16]


def keep_studies(
    store: Store, studies: Sequence[PastStudy], *, site: str = SITE, archived: bool = False
) -> None:
    """Take the studies in."""
    with store.begin() as session:
        for past in studies:
            plain = make_study(
                past.number + 1,
                study_uid=past.study_uid,
                accession=past.accession,
                patient=Patient(
                    past.patient_number, past.name, past.born, "M" if past.sex == "男" else "F"
                ),
                study_time=past.taken,
                modality="DX",
            )
            first = replace(
                plain.instances[0],
                sop_instance_uid=f"{past.study_uid}.1",
                series_uid=past.study_uid,
            )
            patient_ref = "p-" + hashlib.sha256(past.patient_number.encode()).hexdigest()[:16]
            deid = make_deid(
                past.number + 1,
                case_id=case_of(past),
                patient_ref=patient_ref,
                modality="DX",
            )
            cases.add_study(
                session,
                site=site,
                study=replace(plain, instances=(first,)),
                deid=deid,
                issues=(),
                original_keys=("0" * 64,),
                archived=archived,
            )
