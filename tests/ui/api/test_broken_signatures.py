"""What the page's interface says of reports that were changed after they were signed."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from radraft.core.errors import ReportError
from radraft.finetune import export
from radraft.finetune.selection import Reason, select
from radraft.finetune.trend.facts import Ledger
from radraft.pipeline.service import Service
from radraft.reports.roles import Role
from tests.builders import signed_in
from tests.store import tampering
from tests.ui import seed
from tests.ui.people import become

pytestmark = pytest.mark.slow


def signed(service: Service, number: int) -> str:
    case_id = seed.add(service.store, number)
    service.signing.sign(
        case_id, base_revision=1, base_step=0, actor=signed_in(service.store, "林清")
    )
    return case_id


@pytest.fixture
def cases(service: Service) -> tuple[str, str]:
    """A case whose signed words were changed, and one that is as it was signed."""
    bad, good = signed(service, 1), signed(service, 2)
    tampering.change_text(service.settings, bad, seed.FINDINGS[0][0], "右侧大量气胸。")
    return bad, good


def view(client: TestClient, case_id: str) -> Any:
    answer = client.get(f"/api/cases/{case_id}")
    assert answer.status_code == 200
    return answer.json()


def test_the_changed_text_is_not_shown_and_the_page_says_so(
    client: TestClient, cases: tuple[str, str]
) -> None:
    bad, good = cases
    found = view(client, bad)
    assert found["versions"] == []
    assert found["broken"] == [{"case_id": bad, "version": 1, "fault": "content_changed"}]
    zh, en = found["warning"]
    assert "签发后被改动" in zh
    assert "must not be relied upon" in en
    assert "气胸" not in client.get(f"/api/cases/{bad}").text
    whole = view(client, good)
    assert (whole["broken"], whole["warning"]) == ([], None)
    assert len(whole["versions"]) == 1


def test_a_question_about_it_and_an_amendment_of_it_are_refused_by_code(
    client: TestClient, service: Service, cases: tuple[str, str]
) -> None:
    bad, good = cases
    body = {"question": "有气胸吗？"}
    refused = client.post(f"/api/cases/{bad}/questions", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "signature_broken")
    with pytest.raises(ReportError, match="signature_broken"):
        service.signed(bad)
    refused = client.post(f"/api/cases/{bad}/amend", json={"base_step": 1, "reason": "更正"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "signature_broken")
    assert (
        client.post(f"/api/cases/{good}/amend", json={"base_step": 1, "reason": "更正"}).status_code
        == 200
    )


def test_another_working_report_under_a_signature_is_no_signed_report(
    client: TestClient, service: Service
) -> None:
    case_id = signed(service, 1)
    tampering.unprotect(service.settings)
    old = seed.FINDINGS[0][0]
    tampering.run(
        service.settings,
        f"UPDATE report_revisions SET content = replace(content, '{old}', '右侧大量气胸。')",
    )
    found = view(client, case_id)
    assert [one["fault"] for one in found["broken"]] == ["shown_report_differs"]
    assert found["warning"] is not None


def test_it_is_left_out_of_export_training_and_figures_and_counted(
    service: Service, cases: tuple[str, str], tmp_path: Any
) -> None:
    bad, _good = cases
    with service.store.read() as session:
        count = export.export(session, tmp_path / "pairs.jsonl")
        selection = select(session, service.store.objects, "test")
        known = Ledger().read(session)
    assert (count.examples, count.broken) == (1, 1)
    assert "气胸" not in (tmp_path / "pairs.jsonl").read_text(encoding="utf-8")
    assert [one.case_id for one in selection.left_out if one.reason is Reason.BROKEN] == [bad]
    assert (len(known.facts), known.broken) == (1, 1)


def amended(service: Service) -> str:
    """A case of two signed versions, the newer of which was changed afterwards."""
    case_id = signed(service, 1)
    reader = signed_in(service.store, "林清")
    working = service.signing.amend(case_id, actor=reader, base_step=1, reason="更正")
    newer = seed.reworded(working.report, "f1", "双肺清晰。")
    saved = service.save(case_id, newer, base_revision=working.revision, actor=reader)
    service.signing.sign(case_id, base_revision=saved.revision, base_step=2, actor=reader)
    tampering.change_text(service.settings, case_id, "双肺清晰。", "右侧大量气胸。")
    return case_id


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.RESIDENT])
def test_no_older_version_is_given_out_as_the_newest(
    client: TestClient, service: Service, role: Role
) -> None:
    case_id = amended(service)
    become(client, "某人", (role,))
    found = client.get(f"/api/cases/{case_id}/versions").json()
    assert [version["version"] for version in found["versions"]] == [1]
    assert [broken["version"] for broken in found["broken"]] == [2]
    assert "签发后被改动" in found["warning"][0]
    shown = view(client, case_id)
    assert shown["broken"] == found["broken"]
    for states in ("v1/v2", "v2/v1"):
        answer = client.get(f"/api/cases/{case_id}/versions/{states}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "signature_broken")
    assert client.get(f"/api/cases/{case_id}/versions/v1/v3").status_code == 404


def test_the_record_names_what_does_not_hold(client: TestClient, service: Service) -> None:
    case_id = amended(service)
    found = client.get(f"/api/cases/{case_id}/history").json()
    assert [broken["version"] for broken in found["broken"]] == [2]
    assert found["warning"] is not None


def test_where_nothing_that_was_signed_holds_its_reader_is_told_so(
    client: TestClient, cases: tuple[str, str]
) -> None:
    bad, good = cases
    become(client, "临床医师", (Role.CLINICIAN,))
    answer = client.get(f"/api/cases/{bad}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "signature_broken")
    assert view(client, good)["broken"] == []
