"""The nginx configuration that comes with radraft, before a real workstation, asked from another
machine: two network namespaces, TLS, and people who lie about where they come from."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from radraft.core.settings import Settings
from radraft.reports.roles import Role
from radraft.store.database import open_store
from tests.builders import signed_in
from tests.certificates import certificate
from tests.network import DESK, SERVER, TwoMachines, two_machines
from tests.orthanc import needs
from tests.reached import PASSWORD, Served, add_person, serving
from tests.ui import seed
from tests.ui.conftest import CHROMIUM, make_service

pytestmark = pytest.mark.slow

SHIPPED = Path(__file__).parents[2] / "deploy" / "nginx" / "radraft.conf"
NAME = "radraft.hospital.example"
FORGED = {
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example",
    "X-Real-IP": "127.0.0.1",
    "Forwarded": "for=127.0.0.1;proto=http;host=evil.example",
}
WHOLE = """
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log warn;
events {{ }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {site};
}}
"""


@dataclass(frozen=True)
class Hospital:
    """A server with radraft behind nginx, and a desk."""

    machines: TwoMachines
    served: Served
    authority: Path
    access_log: Path
    signed: str
    draft: str
    image: str
    """Of a study's key images one of several MiB."""

    @contextmanager
    def desk(self, **options: Any) -> Iterator[httpx.Client]:
        """A client at the desk, which asks for `NAME` and verifies the server's certificate."""
        context = ssl.create_default_context(cafile=self.authority)
        with (
            self.machines.at_desk(),
            httpx.Client(verify=context, trust_env=False, timeout=60, **options) as client,
        ):
            yield client

    @contextmanager
    def socket(self) -> Iterator[ssl.SSLSocket]:
        """A connection from the desk that takes little at a time."""
        context = ssl.create_default_context(cafile=self.authority)
        with self.machines.at_desk(), socket.socket() as plain:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            plain.settimeout(60)
            plain.connect((SERVER, 443))
            with context.wrap_socket(plain, server_hostname=NAME) as secured:
                yield secured

    def kept_in_files(self) -> list[str]:
        """What nginx says of contents that it put into files."""
        text = (self.access_log.parent / "nginx-error.log").read_text(encoding="utf-8")
        return [line for line in text.splitlines() if "temporary file" in line]

    def noted(self, number: str) -> str:
        """nginx's line of a request, once it was written."""
        pause = threading.Event()
        for _ in range(600):
            for line in self.access_log.read_text(encoding="utf-8").splitlines():
                if line.endswith(number):
                    return line
            pause.wait(0.05)
        raise AssertionError(f"no line of request {number}")


def ask(client: httpx.Client, path: str, method: str = "GET", **options: Any) -> httpx.Response:
    """Ask the server for `NAME`, as a browser does that looked its address up."""
    headers = {"Host": NAME, "Origin": f"https://{NAME}"} | options.pop("headers", {})
    return client.request(
        method,
        f"https://{SERVER}{path}",
        headers=headers,
        extensions={"sni_hostname": NAME},
        **options,
    )


def shipped_configuration(folder: Path, own: Path) -> Path:
    """The shipped file, with its paths in `folder`, as nginx's main configuration."""
    site = SHIPPED.read_text(encoding="utf-8")
    for written, here in (
        ("/etc/radraft/tls/radraft.crt", own),
        ("/etc/radraft/tls/radraft.key", own),
        ("/var/log/nginx/radraft.log", folder / "access.log"),
    ):
        assert site.count(written) == 1
        site = site.replace(written, str(here))
    (folder / "radraft.conf").write_text(site, encoding="utf-8")
    whole = folder / "nginx.conf"
    whole.write_text(WHOLE.format(folder=folder, site=folder / "radraft.conf"), encoding="utf-8")
    return whole


@contextmanager
def nginx(configuration: Path) -> Iterator[None]:
    """nginx, from the moment it accepts connections."""
    child = subprocess.Popen(["nginx", "-c", configuration], stderr=subprocess.DEVNULL)
    try:
        pause = threading.Event()
        while True:
            assert child.poll() is None, (configuration.parent / "nginx-error.log").read_text()
            try:
                socket.create_connection((SERVER, 443), timeout=5).close()
            except OSError:
                pause.wait(0.05)
            else:
                break
        yield
    finally:
        child.terminate()
        child.wait(30)


def studies(data: Path) -> tuple[str, str, str]:
    """A signed report, a draft, and the signed one's image."""
    store = open_store(Settings(data_dir=data))
    large = seed.key_image(seed.phantom(2400), (1300.0, 2600.0))
    signed, draft = seed.add(store, 1, pictures=(large,)), seed.add(store, 2)
    made = make_service(store, data)
    made.signing.sign(signed, base_revision=1, base_step=0, actor=signed_in(store, "林清"))
    store.close()
    return signed, draft, large.image_id


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    needs("nginx", "ip", "unshare")
    folder = tmp_path_factory.mktemp("hospital")
    authority = certificate(folder, "authority")
    own = certificate(folder, "server", (authority, authority), names=(NAME,))
    data = folder / "data"
    add_person(data, "clinician", "周大夫", Role.CLINICIAN)
    add_person(data, "technologist", "赵技师", Role.TECHNOLOGIST)
    add_person(data, "administrator", "吴工", Role.ADMINISTRATOR)
    signed, draft, image = studies(data)
    with (
        two_machines() as machines,
        serving(folder, data, proxies="127.0.0.1", hosts=NAME) as served,
        nginx(shipped_configuration(folder, own)),
    ):
        yield Hospital(machines, served, authority, folder / "access.log", signed, draft, image)


def test_nginx_takes_the_shipped_configuration(tmp_path: Path) -> None:
    needs("nginx")
    whole = shipped_configuration(tmp_path, certificate(tmp_path, "own"))
    done = subprocess.run(["nginx", "-t", "-c", whole], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


@pytest.mark.always
def test_a_desk_reads_the_page_through_nginx_over_tls(hospital: Hospital) -> None:
    with hospital.desk() as client:
        page = ask(client, "/")
        assert page.status_code == 200
        assert "/ui/base.css" in page.text
        assert "127.0.0.1" not in page.text
        body = {"login": "clinician", "password": PASSWORD}
        answer = ask(client, "/api/session", "POST", json=body)
        assert answer.status_code == 200
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-")
        assert "Secure" in cookie
        session = {"Cookie": cookie.split(";")[0]}
        assert ask(client, f"/api/cases/{hospital.signed}", headers=session).status_code == 200
        assert ask(client, f"/api/cases/{hospital.draft}", headers=session).status_code == 403


def test_http_2_works_as_http_1_does(hospital: Hospital) -> None:
    needs("curl")
    with hospital.machines.at_desk():
        done = subprocess.run(
            [
                "curl", "-s", "--http2", "--cacert", hospital.authority, "-X", "POST",
                "--resolve", f"{NAME}:443:{SERVER}", "-H", f"Origin: https://{NAME}",
                "-H", "Content-Type: application/json", "--data", "{}",
                "-w", "\n%{http_version} %{http_code}", f"https://{NAME}/api/session/end",
            ],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "2 200"


def test_where_somebody_comes_from_cannot_be_forged_from_outside(hospital: Hospital) -> None:
    with hospital.desk() as client:
        body = {"login": "nobody-there", "password": "wrong"}
        answer = ask(client, "/api/session", "POST", json=body, headers=FORGED)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "sign_in_refused")
    number = answer.headers["X-Request-ID"]
    lines = hospital.served.lines(until=number)
    (line,) = (line for line in lines if line.get("request") == number)
    assert (line["client"], line["route"]) == (DESK, "/api/session")
    assert f" {DESK} POST /api/session 401 " in hospital.noted(number)


def test_health_is_for_everybody_and_metrics_stay_on_the_server(hospital: Hospital) -> None:
    with hospital.desk() as client:
        assert ask(client, "/health/ready").json()["ready"] is True
        for path in ("/metrics", "/metrics/", "//metrics", "/%6detrics"):
            answer = ask(client, path, headers=FORGED)
            assert answer.status_code >= 400
            assert "radraft_" not in answer.text
    own = httpx.get("http://127.0.0.1:7860/metrics", trust_env=False, timeout=60)
    assert "radraft_cases{" in own.text


def test_nobody_at_another_desk_reaches_radraft_but_through_nginx(hospital: Hospital) -> None:
    with hospital.machines.at_desk(), pytest.raises(ConnectionRefusedError):
        socket.create_connection((SERVER, 7860), timeout=30)
    # On the server itself: its own requests name no proxy.
    answer = httpx.get("http://127.0.0.1:7860/api/worklist", trust_env=False, timeout=60)
    assert answer.json()["error"]["code"] == "forwarded_missing"


def test_another_name_gets_neither_page_nor_certificate(hospital: Hospital) -> None:
    with hospital.desk() as client, pytest.raises(httpx.ConnectError):
        client.get(
            f"https://{SERVER}/",
            headers={"Host": "evil.example"},
            extensions={"sni_hostname": "evil.example"},
        )
    with hospital.desk() as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(f"http://{SERVER}/", headers={"Host": "evil.example"})
    with hospital.desk() as client, pytest.raises(httpx.RemoteProtocolError):
        ask(client, "/", headers={"Host": "evil.example"})


def test_in_the_clear_a_browser_is_sent_to_https(hospital: Hospital) -> None:
    with hospital.desk() as client:
        answer = client.get(f"http://{SERVER}/quality?x=1", headers={"Host": NAME})
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"https://{NAME}/quality?x=1"


def test_nginx_logs_no_query(hospital: Hospital) -> None:
    with hospital.desk() as client:
        answer = ask(client, "/api/worklist?patient=ZHAO%5EMINGYUE")
    number = answer.headers["X-Request-ID"]
    assert " GET /api/worklist 401 " in hospital.noted(number)
    hospital.served.lines(until=number)
    for log in (hospital.access_log, hospital.served.log):
        assert "ZHAO" not in log.read_text(encoding="utf-8")


def cookie_of(hospital: Hospital, login: str) -> str:
    with hospital.desk() as client:
        answer = ask(client, "/api/session", "POST", json={"login": login, "password": PASSWORD})
    assert answer.status_code == 200
    return str(answer.headers["Set-Cookie"].split(";")[0])


def head(method: str, path: str, *lines: str) -> bytes:
    """The beginning of a request."""
    own = (f"{method} {path} HTTP/1.1", f"Host: {NAME}", f"Origin: https://{NAME}", *lines)
    return ("\r\n".join(own) + "\r\n\r\n").encode()


def test_an_image_for_a_desk_that_reads_slowly_lies_in_no_file(hospital: Hospital) -> None:
    cookie = f"Cookie: {cookie_of(hospital, 'clinician')}"
    with hospital.socket() as slow:
        slow.sendall(head("GET", f"/api/images/{hospital.image}/values", cookie))
        answer = slow.recv(2000)
        assert answer.startswith(b"HTTP/1.1 200 ")
        # The rest waits for this desk; others are answered meanwhile.
        with hospital.desk() as client:
            assert ask(client, "/health/ready").status_code == 200
        taken = len(answer)
        while part := slow.recv(65536):
            taken += len(part)
            if b"\r\n0\r\n" in part[-7:] or taken > 4_000_000:
                break
    assert taken > 4_000_000
    assert hospital.kept_in_files() == []


def test_radraft_hears_of_a_report_once_it_is_there_and_of_an_upload_while_it_comes(
    hospital: Hospital,
) -> None:
    for _ in range(5):
        with hospital.socket() as slow:
            json_body = "Content-Type: application/json"
            slow.sendall(head("POST", "/api/session", "Content-Length: 900", json_body) + b'{"lo')
    cookie = f"Cookie: {cookie_of(hospital, 'technologist')}"
    form = "Content-Type: multipart/form-data; boundary=x"
    # A file that began as it should: what is no upload is refused as soon as it is seen to be none,
    # and nobody waits for its end.
    file = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.dcm"\r\n\r\n'
    pause = threading.Event()
    with hospital.socket() as slow:
        begun = head("POST", "/api/upload", "Content-Length: 9000000", cookie, form)
        slow.sendall(begun + file + b"x" * 100_000)
        # Who is gone before nginx has asked radraft was never there.
        pause.wait(2)
    for _ in range(600):
        gone = [line for line in hospital.served.lines() if line.get("code") == "client_gone"]
        if gone:
            break
        pause.wait(0.05)
    assert [line["route"] for line in gone] == ["/api/upload"]


def test_what_people_write_lies_in_no_file_of_nginx(hospital: Hospital) -> None:
    with hospital.desk() as client:
        body = {"login": "nobody-there", "password": "x" * 3_000_000}
        answer = ask(client, "/api/session", "POST", json=body)
        assert answer.status_code == 422
        too_large = {"login": "x" * 4_500_000, "password": ""}
        answer = ask(client, "/api/session", "POST", json=too_large)
        assert answer.json()["error"]["code"] == "upload_too_large"
    assert hospital.kept_in_files() == []


@pytest.mark.browser
def test_a_clinicians_browser_at_his_desk_reads_what_was_signed_and_no_draft(
    hospital: Hospital,
) -> None:
    if not CHROMIUM.exists():
        pytest.skip("needs Debian's chromium")
    arguments = [SERVER, NAME, "clinician", PASSWORD, hospital.signed, hospital.draft]
    with hospital.machines.at_desk():
        done = subprocess.run(
            [sys.executable, "-m", "tests.ui.clinician", *arguments],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "林清" in found["signature"]
    assert (found["signed"], found["draft"]) == (200, 403)
    assert found["cookies"] == [["__Host-radraft-session", True, True]]
    assert found["errors"] == []
