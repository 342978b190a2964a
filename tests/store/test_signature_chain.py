"""Tampering shows: in what is read, in the chain, and against the heads that were sent."""

from __future__ import annotations

import random
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from radraft.core.errors import ReportError, SettingsError
from radraft.core.settings import Settings
from radraft.reports.training_pair import make_pair
from radraft.store import (
    drafts,
    pairs,
    reports,
    signature_chain,
    signature_log,
    signatures,
    triggers,
)
from radraft.store.database import Store, open_store
from radraft.store.signature_chain import Fault
from radraft.store.signature_check import Finding, compare, examine, extent
from radraft.store.signature_log import Syslog, sent_heads
from tests import children
from tests.builders import add_drafted, make_report, person
from tests.postgres import Cluster
from tests.scale import scaled
from tests.store import tampering
from tests.store.tampering import signed, signed_again

pytestmark = pytest.mark.slow


def findings(store: Store, log: Path | None = None) -> list[Finding]:
    """All that does not hold, the chain held against `log` where one is named."""
    with store.read() as session:
        found = [finding for examined in examine(session) for finding in examined.findings]
        if log is not None:
            sent = sent_heads(log, store.signature_key)
            found += [
                finding
                for examined in compare(session, sent, "log")
                for finding in examined.findings
            ]
        return found


def faults(store: Store, log: Path | None = None) -> set[Fault]:
    return {finding.fault for finding in findings(store, log)}


def reopened(store: Store, settings: Settings) -> Store:
    store.close()
    return open_store(settings, accept_missing_triggers=True)


def broken(store: Store, case_id: str) -> list[tuple[int, Fault]]:
    with store.read() as session:
        found = signatures.read(session, case_id)
    return [(signature.version, signature.fault) for signature in found.broken]


def test_what_was_signed_holds(store: Store) -> None:
    first = signed(store)
    second = signed_again(store, first.case_id)
    other = signed(store, 2)
    assert findings(store) == []
    with store.read() as session:
        assert signatures.versions(session, first.case_id) == (first, second)
        whole = extent(session)
        links = session.scalars(sa.text("SELECT case_id FROM signature_links ORDER BY sequence"))
        assert list(links) == [first.case_id, first.case_id, other.case_id]
    assert (whole.links, whole.signatures, whole.inherited, whole.sequence) == (3, 3, 0, 3)


def test_changed_words_are_not_read_and_other_cases_go_on(
    store: Store, store_settings: Settings
) -> None:
    bad, good = signed(store, 1), signed(store, 2)
    tampering.change_text(store_settings, bad.case_id, "所见f1", "大量气胸")
    with store.read() as session, pytest.raises(ReportError) as error:
        signatures.versions(session, bad.case_id)
    assert error.value.code == "signature_broken"
    assert error.value.details == {"case_id": bad.case_id, "version": 1}
    with store.read() as session:
        assert signatures.versions(session, good.case_id) == (good,)
    assert findings(store) == [Finding(Fault.CONTENT, bad.case_id, 1, 1)]


@pytest.mark.parametrize("link_too", [False, True])
def test_a_version_sealed_anew_under_another_author_is_not_read(
    store: Store, store_settings: Settings, link_too: bool
) -> None:
    first = signed(store)
    second = signed(store, 2)
    tampering.seal_as(store_settings, first, "张医生", link_too=link_too)
    fault = Fault.LINK if link_too else Fault.CONTENT
    assert broken(store, first.case_id) == [(1, fault)]
    assert findings(store) == [Finding(fault, first.case_id, 1, 1)]
    assert broken(store, second.case_id) == []


@pytest.mark.parametrize("column", ["sequence", "schema", "signed_at", "linked_at", "inherited"])
def test_nothing_that_a_link_says_can_be_changed(
    store: Store, store_settings: Settings, column: str
) -> None:
    first = signed(store)
    signed(store, 2)
    boolean = "true" if store_settings.database_url else "1"
    value = {"sequence": "7", "schema": "1", "inherited": boolean}.get(
        column, "'2020-01-01 00:00:00.000000'"
    )
    tampering.unprotect(store_settings)
    tampering.run(
        store_settings, f"UPDATE signature_links SET {column} = {value} WHERE version = 1"
        f" AND case_id = '{first.case_id}'",
    )  # fmt: skip
    assert broken(store, first.case_id) == [(1, Fault.LINK)]
    assert Fault.LINK in faults(store)


def test_a_version_taken_out_of_the_middle_shows(store: Store, store_settings: Settings) -> None:
    first = signed(store)
    second = signed_again(store, first.case_id)
    other = signed(store, 2)
    where = f"WHERE case_id = '{first.case_id}' AND version = 1"
    tampering.unprotect(store_settings)
    tampering.run(
        store_settings,
        f"DELETE FROM signed_reports {where}",
        f"DELETE FROM signature_links {where}",
    )
    assert broken(store, first.case_id) == [(1, Fault.MISSING)]
    assert broken(store, other.case_id) == []
    assert findings(store) == [Finding(Fault.GAP, sequence=1)]
    assert second.version == 2


def test_a_newest_version_that_was_deleted_shows(store: Store, store_settings: Settings) -> None:
    first = signed(store)
    second = signed_again(store, first.case_id)
    tampering.delete_version(store_settings, second, everywhere=False)
    assert broken(store, first.case_id) == [(2, Fault.MISSING)]
    assert findings(store) == [Finding(Fault.MISSING, first.case_id, 2, 2)]


def test_a_version_deleted_with_its_link_shows_where_the_working_report_still_knows_it(
    store: Store, store_settings: Settings
) -> None:
    first = signed(store)
    second = signed_again(store, first.case_id)
    tampering.delete_version(store_settings, second, everywhere=True)
    tampering.run(store_settings, "UPDATE reports SET base_version = 2")
    assert broken(store, first.case_id) == [(2, Fault.MISSING)]
    assert findings(store) == [Finding(Fault.MISSING, first.case_id, 2)]


def test_a_working_report_that_is_not_what_was_signed_shows(
    store: Store, store_settings: Settings
) -> None:
    first = signed(store)
    tampering.unprotect(store_settings)
    tampering.run(
        store_settings,
        "UPDATE report_revisions SET content = replace(content, '所见f1', '大量气胸')",
    )
    with store.read() as session:
        working = reports.current(session, first.case_id)
        found = signatures.of_page(session, first.case_id, working)
    assert [signature.fault for signature in found.broken] == [Fault.WORKING]
    assert findings(store) == [Finding(Fault.WORKING, first.case_id, 1)]


def test_only_the_sent_head_shows_that_the_end_of_the_chain_was_cut_off(
    store_settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "heads.log"
    settings = store_settings.model_copy(update={"signature_log": f"file:{log}"})
    store = open_store(settings)
    first = signed(store)
    second = signed_again(store, first.case_id)
    store = reopened(store, settings)
    tampering.delete_version(settings, second, everywhere=True)
    with store.read() as session:
        # The database alone cannot tell: this is what the log is for.
        assert signatures.versions(session, first.case_id) == (first,)
    assert findings(store) == []
    assert findings(store, log) == [Finding(Fault.CUT, sequence=2, name="log")]
    store.close()


def test_an_older_database_that_was_restored_shows(
    request: pytest.FixtureRequest, store_settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "heads.log"
    settings = store_settings.model_copy(update={"signature_log": f"file:{log}"})
    store = open_store(settings)
    signed(store, 1)
    store.close()
    backup = Backup(request, settings)
    store = open_store(settings)
    signed(store, 2)
    signed(store, 3)
    store.close()
    backup.restore()
    store = open_store(settings)
    assert findings(store, log) == [Finding(Fault.CUT, sequence=3, name="log")]
    # Signing goes on: now there are two histories, and the log has both.
    signed(store, 4)
    store = reopened(store, settings)
    assert findings(store) == []
    assert faults(store, log) == {Fault.CUT, Fault.FORK}
    signed(store, 5)
    store = reopened(store, settings)
    assert faults(store, log) == {Fault.FORK}
    store.close()


class Backup:
    """A copy of a database that nobody has open, put back later."""

    def __init__(self, request: pytest.FixtureRequest, settings: Settings) -> None:
        self._path = settings.data_dir / "radraft.db"
        self._cluster: Cluster | None = None
        if settings.database_url:
            self._cluster = request.getfixturevalue("cluster")
            self._name = str(make_url(settings.database_url).database)
            self._cluster.create(f"{self._name}_backup", self._name)
        else:
            shutil.copy(self._path, self._path.with_suffix(".backup"))

    def restore(self) -> None:
        if self._cluster is None:
            shutil.copy(self._path.with_suffix(".backup"), self._path)
            return
        self._cluster.drop(self._name)
        self._cluster.create(self._name, f"{self._name}_backup")
        self._cluster.drop(f"{self._name}_backup")


def test_a_history_written_anew_with_the_secret_shows_in_the_log_alone(
    store_settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "heads.log"
    settings = store_settings.model_copy(update={"signature_log": f"file:{log}"})
    store = open_store(settings)
    first = signed(store)
    store = reopened(store, settings)
    tampering.seal_as(settings, first, "张医生", link_too=False)
    # Whoever has the data folder can seal all of it once more, as the upgrade did.
    tampering.run(
        settings,
        "DELETE FROM signature_links",
        "UPDATE signature_head SET sequence = 0, head = '', sent = 0",
    )
    store = reopened(store, settings)
    assert findings(store) == []
    assert faults(store, log) == {Fault.FORK}
    with store.read() as session:
        assert extent(session).inherited == 1
    store.close()


def test_a_chain_without_its_end_is_not_begun_anew_and_nothing_is_signed_on_it(
    store: Store, store_settings: Settings
) -> None:
    signed(store)
    tampering.run(store_settings, "DELETE FROM signature_head")
    store = reopened(store, store_settings)
    assert faults(store) == {Fault.HEAD}
    with pytest.raises(ReportError, match="signature_chain_broken"):
        signed(store, 2)
    store.close()


def test_a_row_that_radraft_did_not_sign_shows(store: Store, store_settings: Settings) -> None:
    first = signed(store)
    tampering.unprotect(store_settings)
    tampering.run(
        store_settings,
        "INSERT INTO signed_reports SELECT case_id, 2, content, 'x', signed_at FROM signed_reports",
    )
    assert broken(store, first.case_id) == [(2, Fault.UNLINKED)]
    assert findings(store) == [Finding(Fault.UNLINKED, first.case_id, 2)]


def test_a_version_of_any_number_is_told_at_once(store: Store, store_settings: Settings) -> None:
    first = signed(store)
    tampering.run(store_settings, "UPDATE reports SET base_version = 2000000000")
    assert broken(store, first.case_id) == [(2, Fault.MISSING), (2_000_000_000, Fault.MISSING)]
    assert findings(store) == [Finding(Fault.MISSING, first.case_id, 2_000_000_000)]


def test_a_clock_that_goes_back_breaks_nothing(store: Store) -> None:
    signed(store, 1)
    signed(store, 2, now=tampering.NOW - timedelta(days=400))
    assert findings(store) == []


def test_a_chain_needs_its_own_secret(store: Store) -> None:
    signed(store)
    with store.read() as session:
        session.info.update(signature_chain.session_info(signature_chain.chain_key(b"x" * 32)))
        assert {f.fault for examined in examine(session) for f in examined.findings} == {Fault.LINK}


def test_a_signature_that_is_undone_leaves_no_link(store: Store) -> None:
    with store.begin() as session:
        case_id = add_drafted(session)
    with pytest.raises(RuntimeError), store.begin() as session:
        signatures.sign(session, case_id, base_revision=1, signer=person("王"), now=tampering.NOW)
        raise RuntimeError
    assert findings(store) == []
    with store.read() as session:
        assert extent(session).sequence == 0


def test_processes_that_sign_at_once_make_one_chain(store: Store, store_settings: Settings) -> None:
    with store.begin() as session:
        case_ids = [add_drafted(session, number) for number in range(4)]
    with ThreadPoolExecutor(2) as two:
        made = two.map(
            lambda mine: children.together(
                children.sign_and_amend, store_settings, mine, 10, processes=1
            ),
            (case_ids[:2], case_ids[2:]),
        )
        assert [sum(counts) for counts in made] == [20, 20]
    assert findings(store) == []
    with store.read() as session:
        assert extent(session).sequence == 40


@pytest.mark.always
@pytest.mark.slow
@pytest.mark.scaled
def test_the_chain_holds_whenever_a_process_that_signs_is_killed(
    store: Store, store_settings: Settings
) -> None:
    with store.begin() as session:
        case_ids = [add_drafted(session, number) for number in range(4)]

    def killed(seed: int, mine: list[str]) -> int:
        chance = random.Random(seed)
        told = children.killed(
            children.save_and_sign, store_settings, mine, chance=chance, most=12, within=0.05
        )
        return sum(kind == "signed" for kind, *_ in told)

    acknowledged = 0
    for turn in range(scaled(2, full=20)):
        with ThreadPoolExecutor(2) as two:
            halves = (case_ids[:2], case_ids[2:])
            acknowledged += sum(two.map(killed, (turn, turn + 100), halves))
        assert findings(store) == []
        with store.begin() as session:
            for case_id in case_ids:
                # Reopened where the kill left it signed, so that the next child can save.
                children.reopen(session, case_id)
    with store.read() as session:
        assert extent(session).sequence >= acknowledged > 0


def test_pairs_of_broken_signatures_are_refused_or_counted(
    store: Store, store_settings: Settings
) -> None:
    with store.begin() as session:
        for number in (1, 2, 3):
            case_id = add_drafted(session, number)
            report = signatures.sign(
                session, case_id, base_revision=1, signer=person("王"), now=tampering.NOW
            )
            draft = drafts.basis(session, case_id)
            assert draft is not None
            pairs.save_pair(session, make_pair(draft, report, site="a", patient_ref="p"))
            if number == 1:
                bad = report
            if number == 2:
                cut = report
    second = signed_again(store, cut.case_id)
    tampering.change_text(store_settings, bad.case_id, "所见f1", "大量气胸")
    where = f"WHERE case_id = '{cut.case_id}' AND version = {second.version}"
    tampering.run(store_settings, f"DELETE FROM signed_reports {where}")
    left_out: list[signatures.BrokenSignature] = []
    with store.read() as session:
        (pair,) = pairs.pairs(session, broken=left_out)
        assert {(one.case_id, one.version) for one in left_out} == {
            (bad.case_id, 1),
            (cut.case_id, 2),
        }
        with pytest.raises(ReportError, match="signature_broken"):
            list(pairs.pairs(session))
    assert pair.case_id == report.case_id
    assert pair.signed.report == make_report(report.case_id)


def test_triggers_that_are_gone_are_said_by_name_and_made_anew_only_when_asked(
    store: Store, store_settings: Settings
) -> None:
    tampering.unprotect(store_settings, "signed_reports")
    store.close()
    with pytest.raises(SettingsError) as error:
        open_store(store_settings)
    assert error.value.code == "append_only_missing"
    store = open_store(store_settings, accept_missing_triggers=True)
    with store.begin() as session:
        names = triggers.missing(session.connection())
        assert names
        assert all(name.startswith("signed_reports_") for name in names)
    with store.begin() as session:
        assert triggers.reinstate(session.connection()) == names
    with store.begin() as session:
        assert triggers.missing(session.connection()) == ()
    signed(store)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), store.begin() as session:
        session.execute(sa.text("UPDATE signed_reports SET version = version"))
    store.close()
    open_store(store_settings).close()


def test_a_head_goes_to_the_log_after_each_signature(tmp_path: Path) -> None:
    log = tmp_path / "heads.log"
    settings = Settings(data_dir=tmp_path / "data", signature_log=f"file:{log}")
    store = open_store(settings)
    report = signed(store)
    store.close()
    store = open_store(settings)
    with store.read() as session:
        assert signature_log.unsent(session) == 0
        head = extent(session).head
    assert [sent.head for sent in sent_heads(log, store.signature_key)] == [head]
    written = log.read_text()
    assert report.case_id not in written
    assert report.author.name not in written
    assert log.stat().st_mode & 0o777 == 0o600
    store.close()


def test_signing_goes_on_while_the_log_is_down_and_what_is_left_is_sent_later(
    tmp_path: Path,
) -> None:
    log = tmp_path / "not-yet" / "heads.log"
    settings = Settings(data_dir=tmp_path / "data", signature_log=f"file:{log}")
    store = open_store(settings)
    signed(store, 1)
    signed(store, 2)
    store.close()
    store = open_store(replace_log(settings, ""))
    with store.read() as session:
        assert signature_log.unsent(session) == 2
    store.close()
    log.parent.mkdir()
    open_store(settings).close()
    store = open_store(replace_log(settings, ""))
    with store.read() as session:
        assert signature_log.unsent(session) == 0
    assert [sent.sequence for sent in sent_heads(log, store.signature_key)] == [1, 2]
    assert findings(store, log) == []
    store.close()


def replace_log(settings: Settings, where: str) -> Settings:
    return settings.model_copy(update={"signature_log": where})


def test_a_line_that_was_cut_off_does_not_spoil_the_next(tmp_path: Path) -> None:
    log = tmp_path / "heads.log"
    settings = Settings(data_dir=tmp_path / "data", signature_log=f"file:{log}")
    store = open_store(settings)
    signed(store, 1)
    store.close()
    with log.open("a") as stream:
        stream.write("radraft-signatures 1 chain=")
    store = open_store(settings)
    signed(store, 2)
    store = reopened(store, settings)
    assert [sent.sequence for sent in sent_heads(log, store.signature_key)] == [1, 2]
    store.close()


def test_heads_go_to_the_system_log(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(tmp_path / "log"))
        settings = Settings(data_dir=tmp_path / "data", signature_log=f"syslog:{tmp_path / 'log'}")
        store = open_store(settings)
        signed(store)
        store.close()
        daemon.settimeout(10)
        message = daemon.recv(4096).decode()
    assert message.startswith("<109>radraft: radraft-signatures 1 chain=")
    taken = tmp_path / "taken.log"
    taken.write_text(f"Nov 28 22:00:00 host {message[5:]}\nanother line\n")
    store = open_store(replace_log(settings, ""))
    assert findings(store, taken) == []
    assert [sent.sequence for sent in sent_heads(taken, store.signature_key)] == [1]
    store.close()


@pytest.mark.parametrize("where", ["file:heads.log", "file:", "nowhere", "syslog:", "/var/log/x"])
def test_a_log_that_cannot_be_meant_is_refused(where: str) -> None:
    with pytest.raises(ValueError, match="signature_log"):
        Settings(signature_log=where)


def test_the_usual_socket_is_the_systems() -> None:
    assert signature_log.destination("syslog") == Syslog(Path("/dev/log"))
    assert signature_log.destination("") is None


def test_another_chains_heads_in_the_same_log_are_not_compared(tmp_path: Path) -> None:
    log = tmp_path / "heads.log"
    stores = [
        open_store(Settings(data_dir=tmp_path / name, signature_log=f"file:{log}"))
        for name in ("a", "b")
    ]
    for number, store in enumerate(stores, start=1):
        signed(store, number)
        store.close()
    store = open_store(Settings(data_dir=tmp_path / "a"))
    assert len(log.read_text().splitlines()) == 2
    assert findings(store, log) == []
    store.close()
