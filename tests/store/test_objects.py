from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, strategies as st

from radraft.core.errors import NotFound, SettingsError
from radraft.store.objects import Objects


class S3Handler(BaseHTTPRequestHandler):
    """The three S3 requests the store makes, over a dictionary."""

    kept: dict[str, bytes]

    def do_PUT(self) -> None:
        self.kept[unquote(self.path)] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        data = self.kept.get(unquote(self.path))
        self.send_response(404 if data is None else 200)
        self.send_header("Content-Length", str(len(data or b"")))
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Sun, 22 Nov 2026 00:00:00 GMT")
        self.end_headers()
        if body and data is not None:
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    kept: dict[str, bytes] = {}
    handler = type("Handler", (S3Handler,), {"kept": kept})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "local")
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


def exercise(objects: Objects) -> None:
    assert not objects.exists("images/aa/a.png")
    with pytest.raises(NotFound) as error:
        objects.get("images/aa/a.png")
    assert error.value.code == "object_not_found"
    objects.put("images/aa/a.png", b"first")
    objects.put("images/aa/a.png", b"second")
    objects.put("images/empty", b"")
    assert objects.exists("images/aa/a.png")
    assert objects.get("images/aa/a.png") == b"second"
    assert objects.get("images/empty") == b""


def test_a_folder(tmp_path: Path) -> None:
    exercise(Objects.open("", tmp_path / "objects"))
    assert (tmp_path / "objects/images/aa/a.png").read_bytes() == b"second"


def test_a_folder_by_url(tmp_path: Path) -> None:
    exercise(Objects.open(f"file://{tmp_path}/else%20where", tmp_path / "objects"))
    assert (tmp_path / "else where/images/aa/a.png").exists()
    assert not (tmp_path / "objects").exists()


def test_an_s3_bucket(s3: dict[str, bytes], tmp_path: Path) -> None:
    exercise(Objects.open("s3://bucket/site", tmp_path / "objects"))
    assert s3["/bucket/site/images/aa/a.png"] == b"second"
    assert not (tmp_path / "objects").exists()


@pytest.mark.parametrize("url", ["memory:///", "http://host/x", "s3://", "folder"])
def test_other_places_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        Objects.open(url, tmp_path)
    assert error.value.code == "objects_url_unsupported"


ESCAPES = ["../evil", "a/../../evil", "/etc/passwd", "a//b", "", ".", "..", "a/", "a\\..\\b",
           "a\0b", "a/%2e%2e/b", "a b", "é", "a\n", "-x", "a/.hidden", "a" * 513]  # fmt: skip


@pytest.mark.parametrize("key", ESCAPES)
def test_keys_that_could_escape_are_refused(key: str, tmp_path: Path) -> None:
    objects = Objects.open("", tmp_path / "objects")
    with pytest.raises(ValueError, match="not an object key"):
        objects.put(key, b"evil")
    with pytest.raises(NotFound):
        objects.get(key)
    assert not objects.exists(key)
    assert list(tmp_path.rglob("*")) == [tmp_path / "objects"]


@given(key=st.text(st.sampled_from("ab./\\%-@=_~"), max_size=12))
def test_whatever_is_written_lies_below_the_root(
    key: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = tmp_path_factory.mktemp("base", numbered=True)
    objects = Objects.open("", base / "objects")
    try:
        objects.put(key, b"data")
    except ValueError:
        assert not list((base / "objects").iterdir())
    else:
        assert (base / "objects" / key).read_bytes() == objects.get(key) == b"data"
    assert list(base.iterdir()) == [base / "objects"]
