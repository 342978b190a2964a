"""The DICOMweb client against a server that misbehaves; the real one is in test_pacs.py."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, strategies as st

from radraft.exchange._multipart import Malformed, boundary_of, related, save_parts
from radraft.exchange.dicomweb import Dicomweb, FoundStudy, Pulled, Query, pull
from radraft.exchange.values import PacsError
from radraft.pipeline.inbox import Inbox
from tests.exchange.builders import film, film_file

pytestmark = pytest.mark.slow


class Pacs(ThreadingHTTPServer):
    """Answers every request with `status`, `kind` and `body`."""

    daemon_threads = True

    def __init__(self, status: int, kind: str, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = (status, kind, body)
        self.asked: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Pacs

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked.append(self.path)
        status, kind, body = self.server.answer
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def answering(
    status: int = 200, kind: str = "application/dicom+json", body: bytes = b"[]"
) -> Iterator[tuple[Dicomweb, Pacs]]:
    with Pacs(status, kind, body) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        with Dicomweb(f"http://127.0.0.1:{server.server_port}/dicom-web") as pacs:
            yield pacs, server
        server.shutdown()
        thread.join()


def study(uid: str, instances: object = None) -> dict[str, Any]:
    said = {"0020000D": {"vr": "UI", "Value": [uid]}}
    if instances is not None:
        said["00201208"] = {"vr": "IS", "Value": [instances]}  # type: ignore[list-item]
    return said


def test_a_search_asks_for_what_was_named() -> None:
    with answering(body=json.dumps([study("1.2.3")]).encode()) as (pacs, server):
        assert pacs.search(Query("P 1", since=date(2027, 1, 2))) == (FoundStudy("1.2.3"),)
    asked = parse_qs(urlsplit(server.asked[0]).query)
    assert asked["PatientID"] == ["P 1"]
    assert asked["StudyDate"] == ["20270102-"]
    assert urlsplit(server.asked[0]).path == "/dicom-web/studies"


@pytest.mark.parametrize(
    ("said", "understood"), [(3, 3), ("3", 3), (None, None), ("many", None), ([], None), (0, None)]
)
def test_how_many_images_a_pacs_announces(said: object, understood: int | None) -> None:
    with answering(body=json.dumps([study("1.2.3", said)]).encode()) as (pacs, _):
        assert pacs.search(Query()) == (FoundStudy("1.2.3", understood),)


def test_what_came_of_a_study_is_counted_and_what_cannot_be_kept_is_told(
    inbox: Inbox, tmp_path: Path
) -> None:
    """An image sent twice is one, another study's is not kept, and an empty one stops nothing."""
    own = [film_file(tmp_path, number, study=1) for number in (1, 2)]
    empty = tmp_path / "empty.dcm"
    empty.touch()
    sent = [own[0], empty, own[1], own[0], film_file(tmp_path, 1, study=2)]
    kind, body = related(sent)
    uid = str(film(study=1).StudyInstanceUID)
    with answering(kind=kind, body=b"".join(body)) as (pacs, _):
        pulled = pull(pacs, uid, inbox, site="site-a", scratch=tmp_path)
    assert pulled == Pulled(new=2, instances=2, refused=("empty_file", "pull_other_study"))
    assert [pulled.missing(announced) for announced in (None, 1, 2, 3)] == [0, 0, 0, 1]
    assert Pulled(new=0, instances=0).missing(None) == 1


def test_a_pacs_without_paging_is_not_asked_for_ever() -> None:
    page = json.dumps([study(f"1.2.{number}") for number in range(100)]).encode()
    with answering(body=page) as (pacs, server):
        assert len(pacs.search(Query())) == 100
    assert len(server.asked) == 2


def test_more_than_anybody_meant_is_refused() -> None:
    page = json.dumps([study(f"1.2.{number}") for number in range(1001)]).encode()
    with answering(body=page) as (pacs, _), pytest.raises(PacsError) as error:
        pacs.search(Query())
    assert error.value.code == "pacs_too_much"


@pytest.mark.parametrize(
    ("status", "kind", "body", "code"),
    [
        (401, "text/html", b"who are you", "pacs_refused"),
        (403, "text/html", b"not you", "pacs_refused"),
        (500, "text/html", b"oh", "pacs_failed"),
        (404, "text/html", b"", "pacs_study_not_found"),
        (200, "text/html", b"<html>a log-in page</html>", "pacs_bad_answer"),
        (200, "application/json", b'{"a": 1}', "pacs_bad_answer"),
        (200, "application/json", b'[{"a": 1}]', "pacs_bad_answer"),
        (200, "application/json", b"[" * 100_000, "pacs_bad_answer"),
    ],
)
def test_a_bad_answer_to_a_search_has_a_code(
    status: int, kind: str, body: bytes, code: str
) -> None:
    with answering(status, kind, body) as (pacs, _), pytest.raises(PacsError) as error:
        pacs.search(Query())
    assert error.value.code == code


def test_nothing_found_is_no_error() -> None:
    with answering(204, body=b"") as (pacs, _):
        assert pacs.search(Query()) == ()


def test_a_pacs_that_is_not_there() -> None:
    with Dicomweb("http://127.0.0.1:9/dicom-web") as pacs, pytest.raises(PacsError) as error:
        pacs.search(Query())
    assert error.value.code == "pacs_unreachable"


@pytest.mark.parametrize("body", [b"", b"--b\r\n\r\nhalf an obj", b"no multipart at all"])
def test_a_study_that_breaks_off_has_a_code(body: bytes, tmp_path: Path) -> None:
    kind = "multipart/related; boundary=b"
    with answering(200, kind, body) as (pacs, _), pytest.raises(PacsError) as error:
        list(pacs.retrieve("1.2.3", tmp_path))
    assert error.value.code == "pacs_bad_answer"


def test_a_uid_cannot_become_another_address(tmp_path: Path) -> None:
    with answering() as (pacs, server), pytest.raises(PacsError) as error:
        list(pacs.retrieve("../../evil", tmp_path))
    assert error.value.code == "pull_bad_uid"
    assert server.asked == []


# --- multipart


def cut(body: bytes, sizes: list[int]) -> Iterator[bytes]:
    at = 0
    for size in sizes:
        yield body[at : at + size]
        at += size
    yield body[at:]


@given(
    st.lists(st.binary(max_size=200), max_size=5),
    st.lists(st.integers(min_value=1, max_value=60), max_size=40),
)
def test_what_is_written_is_read_however_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes], sizes: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    paths = []
    for number, content in enumerate(contents):
        path = folder / f"sent-{number}"
        path.write_bytes(content)
        paths.append(path)
    kind, body = related(paths)
    chunks = cut(b"".join(body), sizes)
    parts = save_parts(chunks, boundary_of(kind), folder, 1000)
    assert [part.read_bytes() for part in parts] == contents


def test_a_part_above_the_limit_is_malformed(tmp_path: Path) -> None:
    body = b"--b\r\n\r\n" + bytes(5000) + b"\r\n--b--"
    with pytest.raises(Malformed):
        list(save_parts(cut(body, [100] * 60), "b", tmp_path, 1000))


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        ('multipart/related; type="application/dicom"; boundary="a b"', "a b"),
        ("Multipart/Related;boundary=x", "x"),
    ],
)
def test_boundaries(kind: str, boundary: str) -> None:
    assert boundary_of(kind) == boundary


@pytest.mark.parametrize("kind", ["", "text/html", "multipart/related", "text/html; boundary=x"])
def test_no_boundary_is_malformed(kind: str) -> None:
    with pytest.raises(Malformed):
        boundary_of(kind)
