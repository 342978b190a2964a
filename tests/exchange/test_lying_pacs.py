"""What the DICOMweb client takes for true of a server that lies, breaks off or never ends."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from radraft.core.errors import catalogue
from radraft.exchange._multipart import Malformed, boundary_of, save_parts, save_single
from radraft.exchange.dicomweb import Dicomweb, FoundStudy, Pulled, Query, pull
from radraft.exchange.values import PacsError
from radraft.pipeline.inbox import Inbox
from tests.exchange.builders import film, film_file
from tests.exchange.lying_pacs import (
    JSON,
    PARTS,
    LyingPacs,
    Request,
    head,
    lying,
    parts,
    stow_answer,
    whole,
)

pytestmark = pytest.mark.slow

STUDY = str(film(study=1).StudyInstanceUID)
PATIENCE_S = 0.3
"""The client's patience where a server drips."""


def fixed(*pieces: bytes) -> Callable[[Request], Iterable[bytes]]:
    return lambda request: pieces


def uid_of(number: int) -> str:
    return str(film(number).SOPInstanceUID)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three films of one study."""
    folder = tmp_path_factory.mktemp("films")
    return [film_file(folder, number) for number in (1, 2, 3)]


@pytest.fixture
def contents(films: list[Path]) -> list[bytes]:
    return [film.read_bytes() for film in films]


def pulled_from(
    script: Callable[[Request], Iterable[bytes]], inbox: Inbox, scratch: Path, **options: Any
) -> Pulled:
    with lying(script) as server, Dicomweb(server.url, **options) as pacs:
        return pull(pacs, STUDY, inbox, site="site-a", scratch=scratch)


def refusal(script: Callable[[Request], Iterable[bytes]], inbox: Inbox, scratch: Path) -> PacsError:
    with pytest.raises(PacsError) as error:
        pulled_from(script, inbox, scratch, timeout_s=PATIENCE_S)
    return error.value


# --- retrieve


def test_partial_content_is_not_the_whole_study(
    inbox: Inbox, tmp_path: Path, contents: list[bytes]
) -> None:
    script = fixed(*whole(206, PARTS, parts(*contents[:2])))
    pulled = pulled_from(script, inbox, tmp_path)
    assert (pulled.new, pulled.instances) == (2, 2)
    assert pulled.fault is not None
    assert pulled.fault.code == "pacs_partial"


@pytest.mark.parametrize("announced", [3, None])
def test_fewer_parts_than_announced_are_counted(
    inbox: Inbox, tmp_path: Path, contents: list[bytes], announced: int | None
) -> None:
    pulled = pulled_from(fixed(*whole(200, PARTS, parts(contents[0]))), inbox, tmp_path)
    assert pulled.missing(announced) == (2 if announced else 0)


@pytest.mark.parametrize(
    "kind", ["application/dicom", 'application/dicom; transfer-syntax="*"', "", "text/plain"]
)
def test_a_single_object_is_read_whatever_it_is_called(
    inbox: Inbox, tmp_path: Path, contents: list[bytes], kind: str
) -> None:
    pulled = pulled_from(fixed(*whole(200, kind, contents[0])), inbox, tmp_path)
    assert pulled == Pulled(1, 1)


@pytest.mark.parametrize(
    ("status", "kind", "body", "code"),
    [
        (200, "application/dicom", b"", "pacs_study_empty"),
        (200, "", b"", "pacs_study_empty"),
        (200, PARTS, b"--bnd--\r\n", "pacs_study_empty"),
        (206, PARTS, b"--bnd--\r\n", "pacs_partial"),
        (200, "application/dicom", b"<html>log in</html>", "pacs_bad_answer"),
        (200, "text/html", b"<html>log in</html>", "pacs_bad_answer"),
        (200, JSON, b"[]", "pacs_bad_answer"),
        (200, "multipart/mixed; boundary=bnd", b"--bnd--", "pacs_bad_answer"),
        (200, "multipart/related", b"--bnd--", "pacs_bad_answer"),
        (200, PARTS, b"--other\r\n\r\nx\r\n--other--", "pacs_bad_answer"),
        (200, PARTS, b"<html>no part at all</html>", "pacs_bad_answer"),
        (200, PARTS, b"--bnd\r\n" + b"x" * 50_000, "pacs_bad_answer"),
        (301, "", b"", "pacs_redirects"),
        (307, "", b"", "pacs_redirects"),
        (404, "", b"", "pacs_study_not_found"),
        (401, "", b"", "pacs_refused"),
        (503, "", b"", "pacs_failed"),
    ],
)
def test_nothing_that_came_has_a_code(
    inbox: Inbox, tmp_path: Path, status: int, kind: str, body: bytes, code: str
) -> None:
    assert refusal(fixed(*whole(status, kind, body)), inbox, tmp_path).code == code


def test_no_content_is_no_study(inbox: Inbox, tmp_path: Path) -> None:
    assert refusal(fixed(head(204, "", None)), inbox, tmp_path).code == "pacs_study_empty"


def breaks(cut: bytes) -> list[tuple[str, list[bytes]]]:
    """Ways in which a body ends before it should, after its first part."""
    packed = gzip.compress(cut)
    return [
        ("no last delimiter", [head(200, PARTS, len(cut)), cut]),
        ("ends with the connection", [head(200, PARTS, None), cut]),
        ("shorter than it said", [head(200, PARTS, len(cut) + 100), cut]),
        (
            "chunks without an end",
            [head(200, PARTS, None, "Transfer-Encoding: chunked"), b"%x\r\n" % len(cut), cut],
        ),
        (
            "a chunk shorter than it said",
            [head(200, PARTS, None, "Transfer-Encoding: chunked"), b"%x\r\n" % (len(cut) + 9), cut],
        ),
        (
            "compression without an end",
            [head(200, PARTS, len(packed) - 9, "Content-Encoding: gzip"), packed[:-9]],
        ),
    ]


WAYS = [way for way, _ in breaks(b"")]


@pytest.mark.parametrize("way", WAYS)
def test_what_came_before_a_break_stays_and_the_study_is_not_whole(
    inbox: Inbox, tmp_path: Path, contents: list[bytes], way: str
) -> None:
    cut = parts(*contents[:2])[: -len(contents[1]) // 2]
    pulled = pulled_from(fixed(*dict(breaks(cut))[way]), inbox, tmp_path)
    assert pulled.instances == 1
    assert pulled.fault is not None
    assert pulled.fault.code in {"pacs_broke_off", "pacs_bad_answer"}


@pytest.mark.parametrize("way", ["shorter than it said", "compression without an end"])
def test_half_of_a_single_object_is_none(
    inbox: Inbox, tmp_path: Path, contents: list[bytes], way: str
) -> None:
    half = contents[0][:-200]
    packed = gzip.compress(contents[0])[:-9]
    pieces = {
        "shorter than it said": [head(200, "application/dicom", len(contents[0])), half],
        "compression without an end": [
            head(200, "application/dicom", len(packed), "Content-Encoding: gzip"),
            packed,
        ],
    }[way]
    assert refusal(fixed(*pieces), inbox, tmp_path).code in {"pacs_broke_off", "pacs_bad_answer"}


@pytest.mark.parametrize("coding", ["gzip", "deflate", "identity"])
def test_a_compressed_study_is_read(
    inbox: Inbox, tmp_path: Path, contents: list[bytes], coding: str
) -> None:
    plain = parts(*contents)
    packed = {"gzip": gzip.compress(plain), "deflate": zlib.compress(plain), "identity": plain}
    answer = whole(200, PARTS, packed[coding], f"Content-Encoding: {coding}")
    assert pulled_from(fixed(*answer), inbox, tmp_path) == Pulled(3, 3)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "made-up"])
def test_a_compression_that_was_not_asked_for_has_a_code(
    inbox: Inbox, tmp_path: Path, contents: list[bytes], coding: str
) -> None:
    answer = whole(200, PARTS, parts(contents[0]), f"Content-Encoding: {coding}")
    assert refusal(fixed(*answer), inbox, tmp_path).code == "pacs_bad_answer"


def test_one_image_under_a_uid_is_one(inbox: Inbox, tmp_path: Path, contents: list[bytes]) -> None:
    script = fixed(*whole(200, PARTS, parts(contents[0], contents[0], contents[0])))
    pulled = pulled_from(script, inbox, tmp_path)
    assert pulled == Pulled(1, 1)
    assert pulled.missing(3) == 2


def test_images_of_a_study_that_nobody_asked_for_are_not_kept(inbox: Inbox, tmp_path: Path) -> None:
    others = [film_file(tmp_path, number, study=2).read_bytes() for number in (1, 2)]
    pulled = pulled_from(fixed(*whole(200, PARTS, parts(*others))), inbox, tmp_path)
    assert pulled == Pulled(0, 0, ("pull_other_study", "pull_other_study"))
    assert pulled.missing(None) == 1
    assert list(inbox.waiting.iterdir()) == []


def dripping(server_gone: Any, first: bytes, drop: bytes) -> Iterator[bytes]:
    """`first`, then drops, as slowly as keeps a client's patience for each."""
    yield first
    for _ in range(400):
        if server_gone.wait(PATIENCE_S / 20):
            return
        yield drop


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (head(200, PARTS, None), b"x"),
        (head(200, "application/dicom", 1 << 20), b"x"),
        (head(200, PARTS, None, "Transfer-Encoding: chunked"), b"1\r\nx\r\n"),
    ],
)
def test_a_server_that_drips_is_not_waited_for(
    tmp_path: Path, inbox: Inbox, first: bytes, drop: bytes
) -> None:
    servers: list[LyingPacs] = []
    with lying(lambda request: dripping(servers[0].gone, first, drop)) as server:
        servers.append(server)
        with (
            Dicomweb(server.url, timeout_s=PATIENCE_S) as pacs,
            pytest.raises(PacsError) as error,
        ):
            pull(pacs, STUDY, inbox, site="site-a", scratch=tmp_path)
    assert error.value.code == "pacs_too_slow"


def test_a_body_without_end_is_not_read_for_ever(tmp_path: Path) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"--b\r\n\r\n" + bytes(100) + b"\r\n"

    with pytest.raises(Malformed):
        list(save_single(iter([bytes(600), bytes(600)]), tmp_path, 1000))
    with pytest.raises(Malformed):
        list(save_parts(iter([b"--b\r\n" + bytes(1 << 15)]), "b", tmp_path, 1000))
    with pytest.raises(Malformed):
        for path in save_parts(endless(), "b", tmp_path, 1000, most_parts=50):
            path.unlink()


def test_a_boundary_may_hold_what_separates_parameters() -> None:
    kind = 'multipart/related; type="application/dicom"; boundary="a;b=c"; start="<x>"'
    assert boundary_of(kind) == "a;b=c"


# --- search


def answered_search(*pages: bytes, kind: str = JSON) -> Callable[[Request], Iterable[bytes]]:
    """Gives the pages one after the other, and then no more."""
    left = list(pages)
    return lambda request: whole(200, kind, left.pop(0) if left else b"[]")


def study(uid: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"0020000D": {"vr": "UI", "Value": [uid]}}
    names = {"instances": "00201208", "patient": "00100020", "day": "00080020"}
    return found | {names[name]: {"vr": "LO", "Value": [value]} for name, value in more.items()}


def page(*studies: dict[str, Any]) -> bytes:
    return json.dumps(studies).encode()


def searched(script: Callable[[Request], Iterable[bytes]], query: Query) -> tuple[FoundStudy, ...]:
    with lying(script) as server, Dicomweb(server.url) as pacs:
        return pacs.search(query)


@pytest.mark.parametrize("kind", [JSON, "", "text/html"])
def test_an_empty_answer_to_a_search_is_nothing_found(kind: str) -> None:
    assert searched(answered_search(b"", kind=kind), Query()) == ()


def test_pages_shorter_than_asked_for_are_not_the_last() -> None:
    pages = [page(study("1.2.1"), study("1.2.2")), page(study("1.2.3"))]
    found = searched(answered_search(*pages), Query())
    assert [study.study_uid for study in found] == ["1.2.1", "1.2.2", "1.2.3"]


@pytest.mark.parametrize(
    ("query", "fitting"),
    [
        (Query(study_uid="1.2.1"), ["1.2.1"]),
        (Query(patient_id="P 1"), ["1.2.1", "1.2.4"]),
        (Query(patient_id="p*"), ["1.2.1", "1.2.2", "1.2.4"]),
        (Query(patient_id="P ?"), ["1.2.1", "1.2.2", "1.2.4"]),
        (Query(patient_id="P.1"), ["1.2.4"]),
        (Query(since=date(2027, 1, 2)), ["1.2.2", "1.2.3", "1.2.4"]),
        (Query(), ["1.2.1", "1.2.2", "1.2.3", "1.2.4"]),
    ],
)
def test_studies_that_were_not_asked_for_are_left_out(query: Query, fitting: list[str]) -> None:
    answer = page(
        study("1.2.1", patient="p 1 ", day="20270101"),
        study("1.2.2", patient="P 2", day="20270102"),
        study("1.2.3", patient="Q 1", day="20270103"),
        study("1.2.4"),
    )
    found = searched(answered_search(answer, answer), query)
    assert [study.study_uid for study in found] == fitting


def test_a_search_without_end_is_not_read_for_ever() -> None:
    def endless(request: Request) -> Iterator[bytes]:
        yield head(200, JSON, None)
        while True:
            yield b" " * (1 << 20)

    with pytest.raises(PacsError) as error:
        searched(endless, Query())
    assert error.value.code == "pacs_too_long"


def test_a_few_bytes_do_not_become_more_than_is_read() -> None:
    packed = gzip.compress(b" " * (64 << 20))
    answer = whole(200, JSON, packed, "Content-Encoding: gzip")
    with pytest.raises(PacsError) as error:
        searched(fixed(*answer), Query())
    assert error.value.code == "pacs_too_long"


def test_a_log_in_does_not_follow_to_another_address() -> None:
    with lying(answered_search()) as elsewhere:
        target = f"Location: {elsewhere.url}/studies"
        with (
            lying(fixed(*whole(302, "", b"", target))) as server,
            Dicomweb(server.url, user="made-up", password="made-up too") as pacs,
            pytest.raises(PacsError) as error,
        ):
            pacs.search(Query())
        assert "authorization" in server.asked[0].headers
        assert elsewhere.asked == []
    assert error.value.code == "pacs_redirects"


# --- store


def stored_by(
    script: Callable[[Request], Iterable[bytes]], files: list[Path]
) -> tuple[Any, LyingPacs]:
    with lying(script) as server, Dicomweb(server.url) as pacs:
        return pacs.store(files), server


def saying(*bodies: bytes, status: int = 200) -> Callable[[Request], Iterable[bytes]]:
    """Gives one answer after the other, the last again and again."""
    left = list(bodies)
    return lambda request: whole(status, JSON, left.pop(0) if len(left) > 1 else left[0])


def test_what_is_confirmed_is_stored(films: list[Path]) -> None:
    pushed, server = stored_by(saying(stow_answer(map(uid_of, (1, 2, 3)))), films)
    assert (pushed.stored, pushed.failed, pushed.unconfirmed) == (3, (), ())
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [200, 202, 206])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"stored"',
        stow_answer(["1.2.3", "1.2.4", "1.2.5"]),
        stow_answer(["", "", ""]),
        b'{"00081199": {"vr": "SQ", "Value": [null, 3, "x"]}}',
        b'{"00081199": {"vr": "SQ"}}',
        b'{"00081199": 3}',
    ],
)
def test_what_is_not_confirmed_by_its_uid_is_sent_again_and_told(
    films: list[Path], body: bytes, status: int
) -> None:
    pushed, server = stored_by(saying(body, status=status), films)
    assert (pushed.stored, pushed.failed) == (0, ())
    assert pushed.unconfirmed == tuple(films)
    assert len(server.asked) == 2
    assert all(uid_of(number).encode() in server.asked[1].body for number in (1, 2, 3))


def test_only_what_is_left_is_sent_again(films: list[Path]) -> None:
    answers = [stow_answer([uid_of(1), uid_of(3)]), stow_answer([uid_of(2)])]
    pushed, server = stored_by(saying(*answers), films)
    assert (pushed.stored, pushed.failed, pushed.unconfirmed) == (3, (), ())
    assert [uid_of(n).encode() in server.asked[1].body for n in (1, 2, 3)] == [False, True, False]


def test_a_failure_is_one_though_it_is_named_as_stored_too(films: list[Path]) -> None:
    said = stow_answer(map(uid_of, (1, 2, 3)), failed={uid_of(2): 0xA900})
    pushed, _ = stored_by(saying(said), films)
    assert (pushed.stored, pushed.failed, pushed.unconfirmed) == (2, (0xA900,), ())


def test_a_failure_without_its_uid_is_of_the_one_that_is_left(films: list[Path]) -> None:
    said = stow_answer([uid_of(1), uid_of(3)], failed={"": 0xC000})
    pushed, server = stored_by(saying(said, status=202), films)
    assert (pushed.stored, pushed.failed, pushed.unconfirmed) == (2, (0xC000,), ())
    assert len(server.asked) == 1


def test_a_warning_is_told(films: list[Path]) -> None:
    said = stow_answer(map(uid_of, (1, 2, 3)), warned={uid_of(3): 0xB000})
    pushed, _ = stored_by(saying(said, status=202), films)
    assert (pushed.stored, pushed.warned) == (3, (0xB000,))


def test_a_wrapped_answer_is_read(films: list[Path]) -> None:
    said = b"[" + stow_answer([uid_of(1)]) + b"]"
    assert stored_by(saying(said), films[:1])[0].stored == 1


def test_a_conflict_with_its_reasons_is_counted(films: list[Path]) -> None:
    said = stow_answer(failed={uid_of(number): 0x0110 for number in (1, 2, 3)})
    pushed, _ = stored_by(saying(said, status=409), films)
    assert (pushed.stored, pushed.failed) == (0, (0x0110,) * 3)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (409, b"", "pacs_failed"),
        (409, b"<html>", "pacs_failed"),
        (413, b"", "pacs_failed"),
        (200, b"<html>thank you</html>", "pacs_bad_answer"),
        (200, b"<NativeDicomModel/>", "pacs_bad_answer"),
        (401, b"", "pacs_refused"),
        (308, b"", "pacs_redirects"),
    ],
)
def test_an_answer_that_says_nothing_of_what_was_sent_has_a_code(
    films: list[Path], status: int, body: bytes, code: str
) -> None:
    with pytest.raises(PacsError) as error:
        stored_by(saying(body, status=status), films)
    assert error.value.code == code


def test_what_was_stored_before_a_fault_is_told_and_the_rest_is_to_be_sent(
    tmp_path: Path,
) -> None:
    files = [film_file(tmp_path, number) for number in range(101)]
    said = stow_answer(map(uid_of, range(100)))
    answers = [whole(200, JSON, said), whole(500, "", b"")]
    pushed, _ = stored_by(lambda request: answers.pop(0), files)
    assert (pushed.stored, pushed.unconfirmed) == (100, (files[100],))
    assert pushed.fault is not None
    assert pushed.fault.code == "pacs_failed"


def test_what_holds_no_object_is_not_sent_and_a_copy_is_sent_once(
    films: list[Path], tmp_path: Path
) -> None:
    notes, empty = tmp_path / "notes.txt", tmp_path / "empty.dcm"
    notes.write_text("no DICOM at all")
    empty.touch()
    copy = tmp_path / "copy.dcm"
    copy.write_bytes(films[0].read_bytes())
    other = film_file(tmp_path, 2, PatientComments="another")
    pushed, server = stored_by(
        saying(stow_answer(map(uid_of, (1, 2)))), [*films[:2], notes, empty, copy, other]
    )
    assert pushed.stored == 3
    assert pushed.refused == (
        (notes, "push_no_dicom"),
        (empty, "empty_file"),
        (other, "push_same_uid"),
    )
    assert server.asked[0].body.count(b"DICM") == 2


def test_each_code_has_its_sentences() -> None:
    codes = {
        "pacs_redirects", "pacs_broke_off", "pacs_too_slow", "pacs_too_long", "pacs_partial",
        "pacs_study_empty", "pull_other_study", "push_not_confirmed", "push_no_dicom",
        "push_same_uid",
    }  # fmt: skip
    assert all({"zh", "en"} <= catalogue()[code].keys() for code in codes)
