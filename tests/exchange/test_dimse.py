"""The listener against pynetdicom's own client, and against peers that are not one."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom.uid import MPEG2MPML, JPEG2000Lossless
from pynetdicom.sop_class import Verification

from radraft.core.errors import SettingsError
from radraft.exchange import dimse
from radraft.exchange.dimse import Peer
from radraft.pipeline.inbox import Inbox
from radraft.store import arrivals
from radraft.store.database import Store
from radraft.studies.read import read
from tests.exchange.builders import PLAIN, associated, film, listening, send, states
from tests.pipeline.test_inbox import files_of_at_most
from tests.studies import builders

pytestmark = pytest.mark.slow

VERIFY = (str(Verification), list(PLAIN))


def test_an_echo_is_answered(inbox: Inbox) -> None:
    with listening(inbox) as listener, associated(listener.port, VERIFY) as association:
        assert association.send_c_echo().Status == 0x0000


def test_success_means_that_it_is_there(inbox: Inbox, sqlite_store: Store, tmp_path: Path) -> None:
    with listening(inbox) as listener:
        assert send(listener.port, film(1), film(2)) == [0x0000, 0x0000]
    assert states(sqlite_store) == {"waiting": 2}
    result = read(inbox.waiting, tmp_path)
    assert result.rejections == ()
    [study] = result.studies
    assert {instance.sop_instance_uid for instance in study.instances} == {
        film(1).SOPInstanceUID,
        film(2).SOPInstanceUID,
    }


def test_the_data_set_is_kept_byte_for_byte(inbox: Inbox, tmp_path: Path) -> None:
    path = builders.write(film(), tmp_path / "sent.dcm")
    content = path.read_bytes()
    data_set = content[content.index(b"\x08\x00\x16\x00UI") :]
    with listening(inbox) as listener:
        send(listener.port, film())
    [kept] = inbox.waiting.iterdir()
    assert kept.read_bytes().endswith(data_set)


def test_a_duplicate_is_acknowledged_and_not_stored(inbox: Inbox, sqlite_store: Store) -> None:
    with listening(inbox) as listener:
        assert send(listener.port, film(), film()) == [0x0000, 0x0000]
        assert send(listener.port, film(), calling="MR2") == [0x0000]
    assert states(sqlite_store) == {"waiting": 1}
    assert len(list(inbox.waiting.iterdir())) == 1


def test_the_source_and_its_site_are_known(inbox: Inbox, sqlite_store: Store) -> None:
    peers = (Peer("CT1", "127.0.0.0/8", "north"), Peer("MR2"))
    with listening(inbox, peers=peers) as listener:
        send(listener.port, film(1, study=1), calling="CT1")
        send(listener.port, film(1, study=2), calling="MR2")
    with sqlite_store.read() as session:
        found = {
            (one.source, one.site)
            for study in arrivals.waiting_studies(session)
            for one in arrivals.waiting(session, study)
        }
    assert found == {("CT1", "north"), ("MR2", "site-a")}


@pytest.mark.parametrize(
    ("peers", "calling", "called"),
    [
        ((Peer("CT1"),), "STRANGER", "RADRAFT"),
        ((Peer("CT1"), Peer("MR2", "10.1.2.3")), "MR2", "RADRAFT"),
        ((), "CT1", "SOMEONE"),
    ],
)
def test_a_peer_that_is_not_configured_is_rejected(
    inbox: Inbox, peers: tuple[Peer, ...], calling: str, called: str
) -> None:
    with (
        listening(inbox, peers=peers) as listener,
        associated(listener.port, VERIFY, calling=calling, called=called) as association,
    ):
        assert association.is_rejected


@pytest.mark.parametrize("uid", ["../../evil", "/etc/passwd", "1.2.3\\4", "."])
def test_a_uid_is_never_part_of_a_path(inbox: Inbox, uid: str, tmp_path: Path) -> None:
    one = film()
    # pydicom warns of such values; the peers that send them do not use it.
    one.SOPInstanceUID = "1.2.3"
    raw = builders.write(one, tmp_path / "film.dcm")
    hostile = builders.with_raw(raw, 0x0020000D, b"UI", uid.encode() + b"\0" * (len(uid) % 2))
    before = {path for path in tmp_path.rglob("*") if "inbox" not in path.parts}
    from radraft.exchange.incoming_files import keep_file

    keep_file(hostile, inbox, source="CT1", site="site-a")
    assert {path for path in tmp_path.rglob("*") if "inbox" not in path.parts} == before
    [kept] = inbox.waiting.iterdir()
    assert kept.suffix == ".dcm"
    assert len(kept.name) == 64 + 1 + 8 + 4


def test_a_command_that_names_another_instance_is_refused(
    inbox: Inbox, sqlite_store: Store
) -> None:
    with listening(inbox) as listener, associated(listener.port) as association:
        from io import BytesIO

        from pynetdicom.dimse_primitives import C_STORE
        from pynetdicom.dsutils import encode

        request = C_STORE()
        request.MessageID = 1
        request.AffectedSOPClassUID = film().SOPClassUID
        request.AffectedSOPInstanceUID = "1.2.3.4"
        request.Priority = 2
        encoded = encode(film(), False, True)
        assert encoded is not None
        request.DataSet = BytesIO(encoded)
        context = association.accepted_contexts[0]
        association._reactor_checkpoint.clear()
        association.dimse.send_msg(request, context.context_id)
        _, answer = association.dimse.get_msg(block=True)
        association._reactor_checkpoint.set()
    assert answer is not None
    assert answer.Status == dimse.MISMATCH
    assert states(sqlite_store) == {}
    assert listener.failed == 1


def test_a_readable_transfer_syntax_is_preferred_and_private_classes_are_taken(
    inbox: Inbox,
) -> None:
    both = (builders.ComputedRadiographyImageStorage, [MPEG2MPML, JPEG2000Lossless])
    private = ("1.3.46.670589.11.0.0.12.1", [*PLAIN])
    with (
        listening(inbox) as listener,
        associated(listener.port, both, private) as association,
    ):
        accepted = {
            str(accepted_context.abstract_syntax): accepted_context
            for accepted_context in association.accepted_contexts
        }
        assert accepted[str(both[0])].transfer_syntax == [JPEG2000Lossless]
        assert private[0] in accepted


def test_a_full_disk_is_out_of_resources_and_the_next_attempt_works(
    inbox: Inbox, sqlite_store: Store
) -> None:
    with listening(inbox) as listener:
        with files_of_at_most(1000):
            assert send(listener.port, film()) == [dimse.OUT_OF_RESOURCES]
        assert list(inbox.waiting.iterdir()) == []
        assert send(listener.port, film()) == [0x0000]
        assert listener.failed == 1


def test_a_full_database_is_out_of_resources(inbox: Inbox, sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        session.execute(
            sa.text(
                "CREATE TRIGGER full BEFORE INSERT ON arrivals "
                "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )
        )
    with listening(inbox) as listener:
        assert send(listener.port, film()) == [dimse.OUT_OF_RESOURCES]
    assert list(inbox.waiting.iterdir()) == []


def test_a_data_set_above_the_limit_ends_its_association_only(
    inbox: Inbox, sqlite_store: Store
) -> None:
    large = film(1)
    large.Rows = large.Columns = 2048
    large.PixelData = bytes(2048 * 2048 * 2)
    with listening(inbox, most_bytes=4 << 20) as listener:
        with associated(listener.port) as association:
            large.file_meta = film_meta()
            assert "Status" not in association.send_c_store(large)
        assert send(listener.port, film(2)) == [0x0000]
    assert states(sqlite_store) == {"waiting": 1}


def film_meta():  # noqa: ANN201
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(PLAIN[0])
    return meta


def test_a_pdu_that_claims_four_gigabytes_is_not_gathered(inbox: Inbox) -> None:
    with listening(inbox) as listener:
        with socket.create_connection(("127.0.0.1", listener.port), timeout=30) as peer:
            peer.sendall(struct.pack(">BBL", 1, 0, 0xFFFFFFFF))
            with pytest.raises(OSError):
                for _ in range(64):
                    peer.sendall(bytes(1 << 20))
        assert send(listener.port, film()) == [0x0000]


def test_there_is_a_most_of_associations(inbox: Inbox) -> None:
    with (
        listening(inbox, most_associations=1) as listener,
        associated(listener.port, VERIFY) as first,
        associated(listener.port, VERIFY) as second,
    ):
        assert first.is_established
        assert second.is_rejected


def test_a_port_in_use_is_named(inbox: Inbox) -> None:
    with (
        listening(inbox) as listener,
        pytest.raises(SettingsError) as error,
        listening(inbox, port=listener.port),
    ):
        raise AssertionError("never reached")
    assert error.value.code == "dicom_port_in_use"
    assert str(listener.port) in error.value.message_en
