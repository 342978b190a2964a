from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from radraft.core.errors import ReportError
from radraft.reports.order import (
    Accession,
    Code,
    Order,
    OrderState,
    Priority,
    ReferringPerson,
    RequestedProcedure,
)
from radraft.studies.values import Patient


@pytest.mark.parametrize("number", ["", " ", " A1", "A1 ", "A" * 65, "A\\B", "A\nB", "A\tB"])
def test_what_is_no_accession_number_is_refused(number: str) -> None:
    with pytest.raises(ReportError, match="accession_invalid"):
        Accession(number)


@pytest.mark.parametrize("number", ["A\u202eB", "A\u200bB", "A\x85B", "A\x00B"])
def test_an_accession_number_holds_nothing_that_cannot_be_seen(number: str) -> None:
    with pytest.raises(ReportError) as error:
        Accession(number)
    assert error.value.code == "character_refused"
    assert error.value.details["place"] == "accession"


def test_one_number_of_two_issuers_is_two_accessions() -> None:
    assert Accession("4711", "north") != Accession("4711", "south")
    assert len({Accession("4711", "north"), Accession("4711", "north")}) == 1


def test_an_orders_repr_names_nobody() -> None:
    order = Order(
        placer="P-1",
        filler=None,
        site="site-a",
        state=OrderState.PLACED,
        accession=Accession("PLANTED-ACC-0815", "north"),
        patient=Patient("PLANTED-ID-4711", "Wei^Planted=魏^植入", date(1970, 1, 2), "F"),
        procedure=RequestedProcedure(
            "RP-1", "胸部正位", Code("CR-1", "99SITE", "Chest PA"), "CR", None
        ),
        reason="魏植入，咳嗽三天",
        history="PLANTED-HISTORY",
        referring=ReferringPerson("林植入", "E-PLANTED", "呼吸科", "PLANTED-PHONE"),
        priority=Priority.STAT,
        placed_at=datetime(2026, 11, 22, tzinfo=UTC),
        scheduled_at=None,
    )
    for word in ("PLANTED", "Planted", "植入", "1970"):
        assert word not in repr(order), word
    assert "site-a" in repr(order)
