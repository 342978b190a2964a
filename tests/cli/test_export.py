"""`radraft export`: signed reports as files."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pydicom
import pytest

from radraft.core.settings import Settings
from radraft.pipeline.service import Service
from radraft.store import instances
from radraft.store.database import open_store
from tests.builders import signed_in
from tests.cli.test_commands import answer, radraft
from tests.ui import seed
from tests.ui.conftest import make_service


@pytest.fixture
def folder(tmp_path: Path, migrated_folder: Path) -> Path:
    return Path(shutil.copytree(migrated_folder, tmp_path / "data"))


def opened(folder: Path) -> Service:
    return make_service(open_store(Settings(data_dir=folder)), folder)


def test_a_signed_report_is_written_to_a_file_of_its_owner_and_the_audit_knows(
    folder: Path, tmp_path: Path
) -> None:
    service = opened(folder)
    case_id = seed.add(service.store)
    actor = signed_in(service.store, "林清")
    service.signing.sign(case_id, base_revision=1, base_step=0, actor=actor)
    service.store.close()
    text, pdf = tmp_path / "report.txt", tmp_path / "report.pdf"
    told = answer(folder, "export", "text", case_id, "--output", str(text), "--lang", "en")
    assert (told["form"], told["version"], told["file"]) == ("text", 1, str(text))
    assert seed.FINDINGS[0][1] in text.read_text(encoding="utf-8")
    assert stat.S_IMODE(text.stat().st_mode) == 0o600
    answer(folder, "export", "pdf", case_id, "--output", str(pdf))
    assert pdf.read_bytes().startswith(b"%PDF-")
    events = radraft(folder, "audit", "export").stdout.splitlines()
    assert sum(case_id in event and '"export"' in event for event in events) == 2


def test_a_signed_report_is_written_as_the_documents_that_are_sent(
    folder: Path, tmp_path: Path
) -> None:
    service = opened(folder)
    case_id = seed.add(service.store)
    actor = signed_in(service.store, "林清")
    service.signing.sign(case_id, base_revision=1, base_step=0, actor=actor)
    service.store.close()
    bundle, message = tmp_path / "report.json", tmp_path / "report.hl7"
    answer(folder, "export", "fhir", case_id, "--output", str(bundle))
    assert json.loads(bundle.read_bytes())["type"] == "transaction"
    answer(folder, "export", "oru", case_id, "--output", str(message))
    assert message.read_bytes().startswith(b"MSH|^~\\&|RADRAFT|test|")


def test_the_codes_of_our_own_are_written_for_a_fhir_server(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "codes.json"
    told = answer(folder, "code-system", "--output", str(file))
    system = json.loads(file.read_bytes())
    assert (system["resourceType"], told["bytes"]) == ("CodeSystem", file.stat().st_size)
    assert {"code": "pneumothorax", "display": "Pneumothorax"}.items() <= next(
        concept for concept in system["concept"] if concept["code"] == "pneumothorax"
    ).items()


def test_a_signed_report_is_written_as_dicom_and_no_selection_of_no_images(
    folder: Path, tmp_path: Path
) -> None:
    service = opened(folder)
    case_id = seed.add(service.store)
    actor = signed_in(service.store, "林清")
    service.signing.sign(case_id, base_revision=1, base_step=0, actor=actor)
    with service.store.read() as session:
        study_uid = instances.study_uid(session, case_id)
    service.store.close()
    for form, modality in (("sr", "SR"), ("dicom-pdf", "DOC")):
        file = tmp_path / f"{form}.dcm"
        answer(folder, "export", form, case_id, "--output", str(file))
        made = pydicom.dcmread(file)
        assert (made.StudyInstanceUID, made.Modality) == (study_uid, modality)
    refused = radraft(folder, "export", "kos", case_id, "--output", str(tmp_path / "kos.dcm"))
    assert (refused.returncode, refused.stderr.split()[0]) == (1, "export_no_key_images")
    assert not (tmp_path / "kos.dcm").exists()


def test_no_file_is_made_of_what_is_not_signed_and_none_is_written_over(
    folder: Path, tmp_path: Path
) -> None:
    service = opened(folder)
    case_id = seed.add(service.store)
    file = tmp_path / "report.pdf"
    refused = radraft(folder, "export", "pdf", case_id, "--output", str(file))
    assert (refused.returncode, refused.stderr.split()[0]) == (1, "version_not_signed")
    assert not file.exists()
    actor = signed_in(service.store, "林清")
    service.signing.sign(case_id, base_revision=1, base_step=0, actor=actor)
    service.store.close()
    file.write_bytes(b"another's")
    refused = radraft(folder, "export", "pdf", case_id, "--output", str(file))
    assert refused.returncode == 1
    assert file.read_bytes() == b"another's"
