"""What is signed in one process is delivered by another: the running workstation."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.exchange.targets import load_targets
from radraft.store.database import Store
from tests.pipeline.outbox_site import drafted, service_with, sign, states
from tests.processes import Program, free_port, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TARGETS = """\
targets:
  - name: share
    kind: folder
    address: {folder}
    sites: ["*"]
    forms: [text]
"""


def test_the_workstation_delivers_what_another_process_signed(
    sqlite_store: Store, tmp_path: Path
) -> None:
    data, folder, targets = tmp_path / "data", tmp_path / "out", tmp_path / "targets.yaml"
    folder.mkdir()
    targets.write_text(TARGETS.format(folder=folder))
    settings = Settings(data_dir=data, site="site-a")
    service = service_with(sqlite_store, settings, load_targets(targets))
    case_id = drafted(sqlite_store, 1)
    sign(service, case_id)
    told = {"targets": targets, "site": "site-a", "port": str(free_port())}
    workstation = Program(data, ("serve", "--no-llm"), told)
    workstation.start()
    try:
        until(lambda: states(sqlite_store) == ["delivered"], alive=lambda: workstation.is_alive)
    finally:
        workstation.kill()
    assert "所见f1。" in (folder / f"{case_id}-v1.txt").read_text(encoding="utf-8")


def test_a_targets_file_that_cannot_work_stops_the_start(tmp_path: Path) -> None:
    targets = tmp_path / "targets.yaml"
    targets.write_text("targets:\n  - name: ris\n    kind: hl8\n")
    told = {"targets": targets, "port": str(free_port())}
    workstation = Program(tmp_path / "data", ("serve", "--no-llm"), told)
    workstation.start()
    until(lambda: not workstation.is_alive)
    workstation.kill()
    assert "targets_invalid" in workstation.said()
