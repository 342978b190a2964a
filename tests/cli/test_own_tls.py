"""A workstation with a certificate of its own, as a process; and what refuses to start."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from pydicom import dcmread
from pydicom.uid import generate_uid

from radraft.cli import http_server
from radraft.cli.output import Output
from radraft.core.settings import Settings
from radraft.reports.roles import Role
from tests.certificates import certificate
from tests.cli.test_commands import answer
from tests.reached import PASSWORD, Served, add_person, environment, serving

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ADDRESS, NAME = "127.0.0.2", "radraft.hospital.example"
IDENTITIES = ("赵明月", "ZHAO", "MINGYUE", "Mingyue", "PID-4711", "19570301", "ACC-20261129")
"""Of a patient that there is not."""


@dataclass(frozen=True)
class OverTls:
    """A workstation that speaks HTTPS at `ADDRESS`, and whose certificate is believed."""

    served: Served
    port: int
    authority: Path

    def client(self, **options: Any) -> httpx.Client:
        """A browser's requests, without the browser; the certificate is verified."""
        url = f"https://{ADDRESS}:{self.port}"
        context = ssl.create_default_context(cafile=self.authority)
        return httpx.Client(
            base_url=url,
            verify=context,
            trust_env=False,
            headers={"Origin": url},
            timeout=60,
            **options,
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def over_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OverTls]:
    folder = tmp_path_factory.mktemp("own-tls")
    authority = certificate(folder, "authority")
    own = certificate(folder, "server", (authority, authority), names=(NAME, ADDRESS))
    add_person(folder / "data", "desk", "林清", Role.ATTENDING, Role.ADMINISTRATOR)
    port = free_port()
    settings = {"host": ADDRESS, "port": port, "tls_cert": own, "hosts": f"{NAME},{ADDRESS}"}
    with serving(folder, folder / "data", **settings) as served:
        yield OverTls(served, port, authority)


def signed_in(client: httpx.Client, **headers: str) -> httpx.Response:
    body = {"login": "desk", "password": PASSWORD}
    return client.post("/api/session", json=body, headers=headers)


def test_people_sign_in_over_tls_by_a_cookie_that_https_alone_carries(over_tls: OverTls) -> None:
    with over_tls.client() as client:
        answer = signed_in(client)
        assert answer.status_code == 200
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-radraft-session=")
        assert {"Secure", "HttpOnly"} <= {part.strip() for part in cookie.split(";")}
        assert client.get("/api/worklist").status_code == 200
        page = client.get("/")
        assert page.status_code == 200
        assert "http://" not in page.text.replace("http://www.w3.org", "")


def test_its_link_and_its_health_are_https(over_tls: OverTls) -> None:
    printed = over_tls.served.printed.read_text(encoding="utf-8")
    assert f"Workstation: https://{NAME}:{over_tls.port}" in printed
    with over_tls.client() as client:
        assert client.get("/health/ready").json()["ready"] is True
        assert "radraft_tls_certificate_ends_seconds" in client.get("/metrics").text


def test_in_the_clear_nothing_is_answered(over_tls: OverTls) -> None:
    with socket.create_connection((ADDRESS, over_tls.port), timeout=30) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert not connection.recv(1000).startswith(b"HTTP")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_versions_of_tls_are_refused(over_tls: OverTls) -> None:
    context = ssl.create_default_context(cafile=over_tls.authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    for version, spoken in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
        context.minimum_version = context.maximum_version = version
        with socket.create_connection((ADDRESS, over_tls.port), timeout=30) as connection:
            try:
                context.wrap_socket(connection, server_hostname=NAME).close()
            except ssl.SSLError:
                assert not spoken
            else:
                assert spoken


def test_another_name_gets_no_page(over_tls: OverTls) -> None:
    with over_tls.client() as client:
        answer = client.get("/", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (421, "host_refused")


def test_who_forges_where_he_comes_from_is_logged_and_throttled_as_himself(
    over_tls: OverTls,
) -> None:
    forged = {"X-Forwarded-For": "203.0.113.200", "X-Real-IP": "203.0.113.200"}
    with over_tls.client() as client:
        body = {"login": "nobody-there", "password": "wrong"}
        answer = client.post("/api/session", json=body, headers=forged)
        number = answer.headers["X-Request-ID"]
        # Whoever came from another address each time would never have to wait.
        codes = [
            client.post(
                "/api/session",
                json=body,
                headers={"X-Forwarded-For": f"203.0.113.{last}"},
            ).json()["error"]["code"]
            for last in range(1, 8)
        ]
    assert codes[-1] == "sign_in_wait"
    told, line = (
        line for line in over_tls.served.lines(until=number) if line.get("request") == number
    )
    assert told["message"].startswith("forwarded_ignored")
    assert line["client"] == "127.0.0.1"
    assert (line["route"], line["status"]) == ("/api/session", 401)
    assert "203.0.113" not in over_tls.served.log.read_text(encoding="utf-8")


def film() -> bytes:
    """A demo film under the name of a patient that there is not."""
    dataset = dcmread(min((ROOT / "demo" / "studies").rglob("*.dcm")))
    dataset.PatientName = "ZHAO^MINGYUE=赵^明月"
    dataset.SpecificCharacterSet = ["", "ISO 2022 IR 58"]
    dataset.PatientID = "PID-4711"
    dataset.PatientBirthDate = "19570301"
    dataset.AccessionNumber = "ACC-20261129"
    dataset.StudyInstanceUID, dataset.SOPInstanceUID = generate_uid(), generate_uid()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    written = BytesIO()
    dataset.save_as(written)
    return written.getvalue()


def test_a_days_log_and_metrics_hold_no_patients_identity(over_tls: OverTls) -> None:
    with over_tls.client() as client:
        signed_in(client)
        files = [("files", ("ZHAO^MINGYUE.dcm", film())), ("files", ("赵明月.txt", b"no DICOM"))]
        taken = client.post("/api/upload", files=files).json()
        (case_id,) = taken["cases"]
        assert len(taken["rejections"]) == 1
        view = client.get(f"/api/cases/{case_id}").json()
        assert "ZHAO" in json.dumps(view, ensure_ascii=False)
        elsewhere = {"Sec-Fetch-Site": "cross-site"}
        edit = {"base_revision": 9, "report": {"赵明月": 1}}
        refused = [
            client.get("/api/cases/赵明月"),
            client.get("/api/worklist?patient=ZHAO^MINGYUE", headers=elsewhere),
            client.get("/patients/ZHAO?name=赵明月"),
            client.put(f"/api/cases/{case_id}/report", json=edit),
            client.post(f"/api/cases/{case_id}/questions", json={"question": "赵明月 ZHAO?"}),
            client.post("/api/session", json={"login": "ZHAO MINGYUE", "password": "赵明月"}),
            client.post("/api/session", content=b"ZHAO MINGYUE", headers={"Cookie": "a=ZHAO"}),
        ]
        assert all(answer.status_code >= 400 for answer in refused)
        metrics = client.get("/metrics").text
        # Of many refusals in one minute some are only counted; what people do is told each time.
        seen = client.get(f"/api/cases/{case_id}")
    lines = over_tls.served.lines(until=seen.headers["X-Request-ID"])
    assert any(case_id in line["message"] for line in lines)
    kept = [file.read_text(encoding="utf-8") for file in over_tls.served.data.glob("logs/*")]
    printed = over_tls.served.printed.read_text(encoding="utf-8")
    written = "".join([json.dumps(lines, ensure_ascii=False), *kept, printed])
    assert [name for name in IDENTITIES if name in written] == []
    assert [name for name in (*IDENTITIES, case_id, "desk", "林清") if name in metrics] == []


def refusal(tmp_path: Path, **settings: object) -> str:
    """The code with which `radraft serve` refuses to start; both languages say what to do."""
    done = subprocess.run(
        [sys.executable, "-c", "from radraft.cli import main; main()", "serve", "--json"],
        env=environment(tmp_path / "data", **settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    error = json.loads(done.stdout)["error"]
    for sentence in (error["message_zh"], error["message_en"]):
        assert "RADRAFT_" in sentence
    assert not (tmp_path / "data" / "logs" / "vllm.log").exists()
    code: str = error["code"]
    return code


def refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **settings: object) -> str:
    """As `refusal`, in this process."""
    for name, value in settings.items():
        monkeypatch.setenv(f"RADRAFT_{name.upper()}", str(value))
    error = answer(tmp_path / "data", "serve", code=1)["error"]
    for sentence in (error["message_zh"], error["message_en"]):
        assert "RADRAFT_" in sentence
    assert not (tmp_path / "data" / "logs" / "vllm.log").exists()
    code: str = error["code"]
    return code


def test_a_network_address_without_tls_or_proxy_does_not_start(tmp_path: Path) -> None:
    assert refusal(tmp_path, host="0.0.0.0", hosts=NAME) == "host_unprotected"


@pytest.mark.parametrize("kind", ["missing", "no certificate", "another's key", "password"])
def test_a_certificate_that_cannot_be_used_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    own = certificate(tmp_path, "own")
    settings: dict[str, object] = {"host": ADDRESS, "port": free_port(), "hosts": NAME}
    if kind == "missing":
        settings["tls_cert"] = tmp_path / "nowhere.pem"
    elif kind == "no certificate":
        (tmp_path / "text.pem").write_text("no certificate")
        settings["tls_cert"] = tmp_path / "text.pem"
    elif kind == "another's key":
        settings |= {"tls_cert": own, "tls_key": certificate(tmp_path, "other")}
    else:
        key = serialization.load_pem_private_key(own.read_bytes(), None)
        locked = tmp_path / "locked.key"
        locked.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"secret"),
            )
        )
        settings |= {"tls_cert": own, "tls_key": locked}
    assert refused(monkeypatch, tmp_path, **settings) == "tls_unusable"


def test_a_port_that_is_taken_and_an_address_of_elsewhere_do_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server((ADDRESS, 0)) as taken:
        port = taken.getsockname()[1]
        assert refused(monkeypatch, tmp_path, host=ADDRESS, port=port) == "port_in_use"
    own = certificate(tmp_path, "own")
    settings = {"host": "192.0.2.1", "hosts": NAME, "tls_cert": own}
    assert refused(monkeypatch, tmp_path, **settings) == "host_unusable"


def test_an_expired_certificate_serves_and_is_told_in_both_languages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expired = certificate(tmp_path, "expired", days=-1)
    settings = Settings(host=ADDRESS, port=0, hosts=NAME, tls_cert=expired)
    with http_server.bound_socket(settings, Output(False)) as bound:
        assert bound.getsockname()[0] == ADDRESS
    said = "".join(capsys.readouterr())
    assert "RADRAFT_TLS_CERT 的证书已过有效期" in said
    assert "is out of date" in said
