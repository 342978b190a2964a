"""Every form of signed reports of all shapes, read back by another library: each sentence, side,
number, name, time and status."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from radraft.reports.export.values import OutgoingReport, OutgoingStatus
from radraft.reports.values import Origin
from tests.outgoing_reports import INSTITUTION, all_shapes, outgoing, signed
from tests.read_back.facts import counted, differences, facts
from tests.read_back.forms import FORMS
from tests.scale import FULL

SHAPES = all_shapes() if FULL else all_shapes()[::20]
CARRIED_BY_ALL = {"number", "name", "time", "status"}


@pytest.mark.scaled
@pytest.mark.parametrize("name", FORMS)
def test_everything_is_read_back_as_it_was_written(name: str) -> None:
    form = FORMS[name]
    compared: Counter[str] = Counter()
    for report in filter(form.made_of, SHAPES):
        told = facts(report)
        expected = form.carried(told)
        read = form.read(form.write(report), report, told)
        assert list(differences(report.case_id, expected, read)) == []
        compared.update(counted(told, expected.keys()))
    assert {kind for kind, count in compared.items() if count} >= CARRIED_BY_ALL


@pytest.mark.parametrize("name", [name for name in FORMS if "key images" not in name])
def test_what_nobody_signed_says_so(name: str) -> None:
    zoned = replace(INSTITUTION, time_zone="Asia/Shanghai")
    report = replace(
        outgoing(institution=zoned),
        status=OutgoingStatus.PRELIMINARY,
        signed_at=None,
        reviewer=None,
        manner=None,
        content_sha="",
    )
    form, told = FORMS[name], facts(report)
    expected = form.carried(told)
    if name == "FHIR R4":
        # What a signature may leave out is not sent as Observations before it.
        expected |= {"sentences": {"zh": ["", ""], "en": ["", ""]}}
        expected |= {"findings": [], "sides": [], "numbers": []}
    assert list(differences("", expected, form.read(form.write(report), report, told))) == []


@pytest.mark.parametrize("origin", [Origin.PERSON, Origin.TRANSLATION])
def test_notices_stand_where_a_machine_had_a_part_alone(origin: Origin) -> None:
    report = outgoing(signed(2, origin=origin), 2)
    told = facts(report)
    for form in FORMS.values():
        expected = form.carried(told)
        assert list(differences("", expected, form.read(form.write(report), report, told))) == []
    assert has_marks(report) is (origin is Origin.TRANSLATION)


def has_marks(report: OutgoingReport) -> bool:
    return any(facts(report)["marks"].values())
