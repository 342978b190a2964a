"""Against what hospitals run: dcmtk's clients and Orthanc, in a network of their own."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import generate_uid
from sqlalchemy import select

from radraft.core.settings import Settings
from radraft.exchange.dicomweb import Dicomweb, FoundStudy, Pulled, Query, pull
from radraft.exchange.dimse import Tls
from radraft.exchange.values import PacsError
from radraft.pipeline.inbox import Inbox
from radraft.store.database import Store, open_store
from radraft.store.tables import ArrivalRow
from tests import orthanc
from tests.certificates import certificate
from tests.exchange.builders import OURS, film, film_file, listening, states
from tests.scale import scaled
from tests.studies import builders

pytestmark = [pytest.mark.pacs]

KILLS = scaled(3, full=20)
PORT = 11112
PROPOSALS = {
    "1.2.840.10008.1.2.4.50": ("-xy",),
    "1.2.840.10008.1.2.4.51": ("-xx",),
    "1.2.840.10008.1.2.4.57": ("-xs",),
    "1.2.840.10008.1.2.4.70": ("-xs",),
    "1.2.840.10008.1.2.4.80": ("-xt",),
    "1.2.840.10008.1.2.4.81": ("-xu",),
    "1.2.840.10008.1.2.4.90": ("-xv",),
    "1.2.840.10008.1.2.4.91": ("-xw",),
    "1.2.840.10008.1.2.5": ("-xr",),
    "1.2.840.10008.1.2.1.99": ("-xd",),
}
"""storescu's option for each transfer syntax that it does not propose by itself."""


@pytest.fixture
def network() -> Iterator[None]:
    orthanc.needs("storescu", "echoscu", "ip")
    with orthanc.private_network():
        yield


@pytest.fixture
def pacs(network: None, tmp_path: Path) -> Iterator[orthanc.Orthanc]:
    orthanc.needs("Orthanc")
    modalities = {"radraft": [OURS, "127.0.0.1", PORT]}
    with orthanc.running(tmp_path / "orthanc", modalities=modalities) as running:
        yield running


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def storescu(port: int, *paths: Path, options: tuple[str | Path, ...] = ()) -> str:
    """What storescu said, on both streams."""
    done = run(
        "storescu", "-v", *options, "-aet", "CT1", "-aec", OURS, "127.0.0.1", str(port), *paths
    )
    return done.stdout + done.stderr


def acknowledged(said: str) -> int:
    return len(re.findall(r"Received Store Response \(Success\)", said))


def test_dcmtk_echoes_and_stores_all_it_has(
    network: None, inbox: Inbox, sqlite_store: Store, tmp_path: Path
) -> None:
    paths = [film_file(tmp_path, number) for number in range(5)]
    with listening(inbox) as listener:
        echo = run("echoscu", "-aec", OURS, "127.0.0.1", str(listener.port))
        assert echo.returncode == 0
        assert acknowledged(storescu(listener.port, *paths)) == 5
    assert states(sqlite_store) == {"waiting": 5}


def test_dcmtk_sends_every_bundled_file_in_its_own_transfer_syntax(
    network: None, inbox: Inbox, sqlite_store: Store
) -> None:
    """Bytes as in the files: nothing is transcoded on the way."""
    import pydicom

    found = {}
    for path in sorted(builders.BUNDLED.glob("*.dcm")):
        try:
            one = pydicom.dcmread(path)
            found[str(one.SOPInstanceUID)] = (path, one.file_meta.TransferSyntaxUID)
        except Exception:  # noqa: BLE001, S112 - some of these are broken on purpose
            continue
    with listening(inbox) as listener:
        for path, syntax in found.values():
            storescu(listener.port, path, options=PROPOSALS.get(str(syntax), ()))
    sent = {}
    for kept in inbox.waiting.iterdir():
        one = pydicom.dcmread(kept)
        sent[str(one.SOPInstanceUID)] = one.file_meta.TransferSyntaxUID
    encapsulated = {uid: syntax for uid, syntax in sent.items() if syntax.is_encapsulated}
    assert len(sent) > 20
    assert len(set(encapsulated.values())) > 4
    assert all(found[uid][1] == syntax for uid, syntax in encapsulated.items())
    with sqlite_store.read() as session:
        rows = set(session.scalars(select(ArrivalRow.sop_uid)))
    assert rows == set(sent)


def test_dcmtk_over_tls(network: None, inbox: Inbox, tmp_path: Path) -> None:
    authority = certificate(tmp_path, "authority")
    server = certificate(tmp_path, "server", (authority, authority))
    client = certificate(tmp_path, "client", (authority, authority))
    shown = ("+tls", client, client, "+cf", authority)
    with listening(inbox, tls=Tls(server, None, authority)) as listener:
        assert acknowledged(
            storescu(listener.port, film_file(tmp_path), options=shown)
        ) == 1  # fmt: skip
        assert acknowledged(storescu(listener.port, film_file(tmp_path))) == 0


def test_orthanc_sends_to_us(
    pacs: orthanc.Orthanc, inbox: Inbox, sqlite_store: Store, tmp_path: Path
) -> None:
    for number in (1, 2):
        pacs.post("/instances", film_file(tmp_path, number).read_bytes())
    [study] = pacs.get("/studies")
    with listening(inbox, port=PORT):
        pacs.post("/modalities/radraft/store", study.encode())
    assert states(sqlite_store) == {"waiting": 2}


def test_what_orthanc_has_is_found_and_pulled_as_it_is(
    pacs: orthanc.Orthanc, inbox: Inbox, sqlite_store: Store, tmp_path: Path
) -> None:
    for number in (1, 2):
        pacs.post("/instances", film_file(tmp_path, number, study=1).read_bytes())
    pacs.post("/instances", film_file(tmp_path, 1, study=2, PatientID="OTHER").read_bytes())
    uid = str(film(study=1).StudyInstanceUID)
    with Dicomweb(pacs.dicomweb) as web:
        assert web.search(Query(patient_id="P0042")) == (FoundStudy(uid, 2),)
        assert web.search(Query(study_uid=uid)) == (FoundStudy(uid, 2),)
        assert web.search(Query(patient_id="NOBODY")) == ()
        assert pull(web, uid, inbox, site="site-a", scratch=tmp_path) == Pulled(2, 2)
        assert pull(web, uid, inbox, site="site-a", scratch=tmp_path) == Pulled(0, 2)
        with pytest.raises(PacsError) as error:
            pull(web, "1.2.3.4", inbox, site="site-a", scratch=tmp_path)
    assert error.value.code in {"pacs_study_not_found", "pacs_bad_answer"}
    assert states(sqlite_store) == {"waiting": 2}


@pytest.mark.always
def test_files_are_pushed_to_orthanc(pacs: orthanc.Orthanc, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no DICOM at all")
    with Dicomweb(pacs.dicomweb) as web:
        pushed = web.store([film_file(tmp_path, 1), film_file(tmp_path, 2)])
        assert (pushed.stored, pushed.failed) == (2, ())
        assert pacs.instances() == 2


@pytest.mark.always
@pytest.mark.slow
@pytest.mark.scaled
def test_a_kill_loses_nothing_that_was_acknowledged(network: None, tmp_path: Path) -> None:
    """SIGKILL of the listener at any moment, again and again, while storescu sends."""
    chance = random.Random(20270131)
    data = tmp_path / "data"
    acked: set[str] = set()
    sent = 0
    for round_number in range(KILLS):
        folder = tmp_path / f"round-{round_number}"
        uids = {}
        for number in range(60):
            one = film(number, study=round_number)
            one.SOPInstanceUID = generate_uid()
            path = builders.write(one, folder / f"{number:03d}.dcm")
            uids[path.name] = str(one.SOPInstanceUID)
        acked |= _send_and_kill(data, folder, uids, chance)
        sent += len(uids)
        _look(data, acked)
    assert KILLS < len(acked) < sent


def _send_and_kill(
    data: Path, folder: Path, uids: dict[str, str], chance: random.Random
) -> set[str]:
    """UIDs that were acknowledged before the listener was killed."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.exchange.listening_child", str(data), str(PORT)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None
    assert child.stdout.readline() == f"listening {PORT}\n".encode()
    sender = subprocess.Popen(
        ["storescu", "-v", "-aet", "CT1", "-aec", OURS, "127.0.0.1", str(PORT)]
        + [str(path) for path in sorted(folder.iterdir())],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert sender.stdout is not None
    lines = []
    left = chance.randrange(1, 50)
    for line in sender.stdout:
        lines.append(line)
        left -= "Store Response" in line
        if left == 0:
            break
    # It goes on meanwhile, so the kill falls anywhere within what it does next.
    try:
        child.wait(chance.uniform(0, 0.03))
    except subprocess.TimeoutExpired:
        child.kill()
    assert child.wait() == -9
    child.stdout.close()
    lines += sender.stdout.readlines()
    sender.stdout.close()
    sender.wait()
    return _acknowledged_uids(lines, uids)


def _acknowledged_uids(lines: list[str], uids: dict[str, str]) -> set[str]:
    found, name = set(), ""
    for line in lines:
        if "Sending file: " in line:
            name = Path(line.split("Sending file: ")[1].strip()).name
        elif "Received Store Response (Success)" in line:
            found.add(uids[name])
    return found


def _look(data: Path, acked: set[str]) -> None:
    """After a restart: all that was acknowledged is there, whole, and nothing twice."""
    store = open_store(Settings(data_dir=data))
    inbox = Inbox(data, store)
    with store.read() as session:
        rows = session.execute(select(ArrivalRow.sop_uid, ArrivalRow.file)).all()
    files = {path.name: path for path in inbox.waiting.iterdir()}
    uids = [uid for uid, _ in rows]
    assert len(uids) == len(set(uids))
    assert acked <= set(uids)
    assert set(files) == {file for _, file in rows}
    import pydicom

    for uid, file in rows:
        one = pydicom.dcmread(files[file])
        assert one.SOPInstanceUID == uid
        assert len(one.PixelData) == one.Rows * one.Columns * 2
    inbox.close()
    store.close()
