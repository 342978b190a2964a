"""What somebody without an account can make a served radraft write into its log."""

from __future__ import annotations

import json
import socket
from collections import Counter
from pathlib import Path

import httpx
import pytest

from radraft.core.repeats import SHOWN
from radraft.reports.roles import Role
from tests.orthanc import private_network
from tests.reached import add_person, serving
from tests.scale import scaled

pytestmark = [pytest.mark.slow, pytest.mark.scaled]

EACH, PORT = scaled(70, full=100), 7860
PATIENT = "ZHAO-MINGYUE"


def test_a_flood_of_refused_and_malformed_requests_is_counted_and_not_written_out(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    add_person(data, "administrator", "吴工", Role.ADMINISTRATOR)
    with private_network(), serving(tmp_path, data, port=PORT) as served:
        for _ in range(EACH):
            with socket.create_connection(("127.0.0.1", PORT), timeout=30) as raw:
                raw.sendall(f"{PATIENT}\r\n\r\n".encode())
                raw.recv(1000)
        with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", trust_env=False) as client:
            for number in range(EACH):
                client.get("/", headers={"Host": f"{PATIENT}{number}.example"})
                client.get("/ui/base.css", headers={"X-Forwarded-For": f"10.0.0.{number}"})
                client.get(f"/{PATIENT}/{number}")
                client.request(f"{PATIENT}{number}", "/")
    text = served.log.read_text(encoding="utf-8")
    told = [json.loads(line) for line in text.splitlines()]
    assert PATIENT not in text
    shown: Counter[tuple[object, object]] = Counter()
    counted: Counter[tuple[object, object]] = Counter()
    for line in told:
        if line["message"] == "repeated":
            counted[line["from"], line.get("code")] += line["more"]
        else:
            shown[line["logger"], line.get("code")] += 1
    for logger, code in (
        ("radraft.ui.requests", "host_refused"),
        ("radraft.ui.requests", "path_unknown"),
        ("radraft.ui.requests", "origin_refused"),
        ("radraft.ui.forwarded", "forwarded_ignored"),
        ("uvicorn.error", None),
    ):
        assert shown[logger, code] + counted[logger, code] == EACH, (shown, counted)
        # Of two minutes where this test's lie in two.
        assert shown[logger, code] <= 2 * SHOWN
