"""An S3 service: moto's server in a process of its own, which checks keys and signatures, and a
proxy before it that is down, slow or lying when a test says so."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest

REGION = "us-east-1"
_ADMINISTRATION = """
import sys, boto3
client = boto3.client("iam", endpoint_url=sys.argv[1], region_name="us-east-1",
                      aws_access_key_id="first", aws_secret_access_key="first")
client.create_user(UserName="radraft")
client.put_user_policy(UserName="radraft", PolicyName="objects", PolicyDocument=sys.argv[2])
key = client.create_access_key(UserName="radraft")["AccessKey"]
print(key["AccessKeyId"], key["SecretAccessKey"])
"""
_POLICY = """{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"""
_BUCKET = """
import sys, boto3
client = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1",
                      aws_access_key_id=sys.argv[2], aws_secret_access_key=sys.argv[3])
getattr(client, sys.argv[4])(Bucket=sys.argv[5])
"""
_numbers = count(1)


class Fault(StrEnum):
    """What the service does."""

    NONE = "none"
    BROKEN = "broken"
    """Answers 500."""
    SILENT = "silent"
    """Takes the request and answers nothing."""
    CUT = "cut"
    """Breaks off in the middle of what it sends."""
    CLOCK = "clock"
    """Says that the asker's clock is wrong."""


@dataclass
class S3Service:
    """The service as a site has it, through the proxy."""

    url: str
    """Of the proxy."""
    real: str
    key: str
    secret: str
    fault: Fault = Fault.NONE
    released: threading.Event = field(default_factory=threading.Event)
    """Set: what is silent goes on."""
    asked: int = 0

    def new_bucket(self) -> str:
        """Make a bucket; its name."""
        name = f"radraft-{next(_numbers)}"
        self._administer("create_bucket", name)
        return name

    def drop_bucket(self, name: str) -> None:
        """Remove an empty bucket."""
        self._administer("delete_bucket", name)

    def environment(self) -> dict[str, str]:
        """What tells radraft of it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": REGION,
        }

    def _administer(self, what: str, bucket: str) -> None:
        command = [sys.executable, "-c", _BUCKET, self.real, self.key, self.secret, what, bucket]
        subprocess.run(command, check=True)


@pytest.fixture(scope="session")
def s3_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Service]:
    """One service for the whole worker process."""
    folder = tmp_path_factory.mktemp("s3")
    with _moto(folder) as real:
        done = subprocess.run(
            [sys.executable, "-c", _ADMINISTRATION, real, _POLICY],
            capture_output=True,
            text=True,
            check=True,
        )
        key, secret = done.stdout.split()
        service = S3Service("", real, key, secret)
        with _proxy(service):
            yield service


@pytest.fixture
def s3(s3_service: S3Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Service]:
    """The service, well at first, with what tells of it in the environment."""
    s3_service.fault = Fault.NONE
    s3_service.released.clear()
    for name, value in s3_service.environment().items():
        monkeypatch.setenv(name, value)
    yield s3_service
    s3_service.fault = Fault.NONE
    s3_service.released.set()


@contextmanager
def _moto(folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # After the first three requests, which make its user, it checks who asks.
    environment = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "3"}
    with (folder / "moto.log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        pause = threading.Event()
        while True:
            assert child.poll() is None, (folder / "moto.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
            except OSError:
                pause.wait(0.05)
            else:
                break
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait(30)


@contextmanager
def _proxy(service: S3Service) -> Iterator[None]:
    handler = type("Handler", (_Handler,), {"service": service})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        service.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    service: S3Service

    def _any(self) -> None:
        self.service.asked += 1
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        match self.service.fault:
            case Fault.BROKEN:
                self._send(500, b"<Error><Code>InternalError</Code></Error>")
            case Fault.CLOCK:
                self._send(403, b"<Error><Code>RequestTimeTooSkewed</Code></Error>")
            case Fault.SILENT:
                self.service.released.wait()
            case _:
                self._forward(body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _any

    def _forward(self, body: bytes) -> None:
        host = self.service.real.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=60)
        # The signature is over the host that was asked.
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                self.send_header(name, value)
        length = answer.getheader("content-length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(data)))
        self.end_headers()
        whole = self.service.fault is not Fault.CUT or self.command != "GET"
        self.wfile.write(data if whole else data[: len(data) // 2])
        connection.close()

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
