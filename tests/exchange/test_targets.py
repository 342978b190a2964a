"""A targets file that cannot work is refused when it is read, with its line and what is wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from radraft.core.errors import SettingsError
from radraft.exchange.targets import Commitment, HostPort, Occasion, TargetKind, load_targets
from radraft.reports.export.charset import Charset
from radraft.reports.export.values import OutgoingStatus
from radraft.reports.outgoing_entry import OutgoingForm

ALL = """\
targets:
  - name: pacs
    kind: dicom
    address: 10.1.2.3:11112
    called_aet: PACS
    sites: [north, south]
    forms: [sr, kos, pdf]
  - name: web-pacs
    kind: stow
    address: https://pacs.example/dicom-web/
    sites: ["*"]
    forms: [sr]
    user: radraft
    password_file: {folder}/secret
  - name: ris
    kind: hl7
    address: "[2001:db8::1]:2575"
    sites: [north]
    when: [preliminary, final, corrected]
    charset: gb18030
    receiving_application: RIS
  - name: his
    kind: fhir
    address: https://his.example/fhir
    sites: [north]
    token_env: HIS_TOKEN
  - name: share
    kind: folder
    address: {folder}
    sites: [north]
    forms: [text]
"""
ONE = """\
targets:
  - name: ris
    kind: hl7
    address: ris:2575
    sites: [north]
"""


def read(tmp_path: Path, text: str) -> SettingsError:
    path = tmp_path / "targets.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_targets(path)
    return refused.value


def test_every_kind_of_receiver_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIS_TOKEN", "of-his")
    (tmp_path / "secret").write_text("of-pacs\n")
    path = tmp_path / "targets.yaml"
    path.write_text(ALL.format(folder=tmp_path), encoding="utf-8")
    pacs, web, ris, his, share = load_targets(path)
    assert (pacs.host, pacs.called_aet) == (HostPort("10.1.2.3", 11112), "PACS")
    assert pacs.forms == (OutgoingForm.SR, OutgoingForm.KOS, OutgoingForm.PDF)
    assert (web.url, web.user, web.password) == (
        "https://pacs.example/dicom-web", "radraft", "of-pacs",
    )  # fmt: skip
    assert (ris.host, ris.charset) == (HostPort("2001:db8::1", 2575), Charset.GB18030)
    assert ris.forms == (OutgoingForm.ORU,)
    assert his.token == "of-his"
    assert share.folder == tmp_path
    assert "of-pacs" not in repr(web)
    assert "of-his" not in repr(his)
    kinds = [target.kind for target in (pacs, web, ris, his, share)]
    assert set(kinds) == set(TargetKind)


def test_who_wants_what(tmp_path: Path) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text(ONE + "    when: [final, corrected]\n")
    (ris,) = load_targets(path)
    assert ris.occasions == {Occasion.FINAL, Occasion.CORRECTED}
    assert ris.wants("north", OutgoingStatus.FINAL)
    assert ris.wants("north", OutgoingStatus.APPENDED)
    assert not ris.wants("north", OutgoingStatus.PRELIMINARY)
    assert not ris.wants("south", OutgoingStatus.FINAL)


def test_whoever_has_the_signed_report_gets_its_corrections(tmp_path: Path) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text(ONE + "    when: [final]\n")
    (ris,) = load_targets(path)
    assert ris.wants("north", OutgoingStatus.CORRECTED)
    assert ris.wants("north", OutgoingStatus.APPENDED)
    assert not ris.wants("north", OutgoingStatus.PRELIMINARY)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:8080"])
def test_a_token_goes_in_clear_to_this_machine_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("HIS_TOKEN", "of-his")
    path = tmp_path / "targets.yaml"
    path.write_text(
        ONE.replace("hl7", "fhir").replace("ris:2575", f"http://{host}/fhir")
        + "    token_env: HIS_TOKEN\n"
    )
    (his,) = load_targets(path)
    assert his.token == "of-his"


PACS = ONE.replace("hl7", "dicom") + "    called_aet: PACS\n    forms: [sr]\n"


def test_commitment_is_asked_where_the_file_says_so_and_of_whom_it_says(tmp_path: Path) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text(PACS)
    (pacs,) = load_targets(path)
    assert pacs.commitment is None
    path.write_text(PACS + "    commitment: true\n")
    (pacs,) = load_targets(path)
    hour = timedelta(hours=1)
    assert pacs.commitment == Commitment("PACS", HostPort("ris", 2575), hour)
    path.write_text(
        PACS
        + "    commitment: true\n    commitment_aet: ARCHIVE\n"
        + "    commitment_address: archive:104\n    commitment_within_min: 5\n"
    )
    (pacs,) = load_targets(path)
    five = timedelta(minutes=5)
    assert pacs.commitment == Commitment("ARCHIVE", HostPort("archive", 104), five)


def test_no_file_names_no_receiver() -> None:
    assert load_targets(None) == ()


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (ONE + "    forms: [sr]\n", 2, "hl7 cannot be sent sr"),
        (ONE + "    form: [oru]\n", 6, "form is not a setting"),
        (ONE + "    charset: big5\n", 6, "charset must be one of utf-8, gb18030"),
        (ONE + "    kind: fhir\n", 6, "kind stands there twice"),
        (ONE + "    when: []\n", 6, "when cannot be used"),
        (ONE + "    when: [signed]\n", 6, "when must be one of preliminary, final, corrected"),
        (ONE + "    timeout_s: 0\n", 6, "timeout_s cannot be used"),
        (ONE + "    user: me\n", 2, "user needs a password, and it needs user"),
        (ONE + "    tls: {key: a.pem}\n", 6, "a key without cert"),
        (ONE.replace("ris:2575", "ris"), 2, "address must be host:port"),
        (ONE.replace("ris:2575", "ris:99999"), 2, "address must be host:port"),
        (ONE.replace("    sites: [north]\n", ""), 2, "sites is missing"),
        (ONE.replace("[north]", "[]"), 5, "sites cannot be used"),
        (ONE.replace("hl7", "dicom") + "    forms: [sr]\n", 2, "called_aet is missing"),
        (ONE + "    commitment: true\n", 2, "hl7 does not use commitment"),
        (PACS + "    commitment: sometimes\n", 8, "commitment cannot be used"),
        (PACS + "    commitment_aet: ARCHIVE\n", 2, "this needs commitment: true"),
        (
            PACS + "    commitment: true\n    commitment_within_min: 0.5\n",
            9,
            "commitment_within_min cannot be used",
        ),
        (
            PACS + "    commitment: true\n    commitment_address: archive\n",
            2,
            "commitment_address must be host:port",
        ),
        (
            ONE.replace("hl7", "dicom") + "    called_aet: A\n    forms: [sr]\n"
            "    when: [preliminary]\n", 2, "a PACS is sent signed reports only",
        ),
        (ONE.replace("hl7", "stow") + "    forms: [sr]\n", 2, "address must start with http"),
        (
            ONE.replace("hl7", "fhir").replace("ris:2575", "https://a:b@ris/"),
            2, "no password in an address",
        ),
        (ONE.replace("hl7", "folder"), 2, "forms is missing"),
        (ONE + "    token_env: T\n", 2, "hl7 does not use token_env"),
        (ONE + "    called_aet: A\n", 2, "hl7 does not use called_aet"),
        (
            ONE.replace("hl7", "stow").replace("ris:2575", "https://ris/") + "    forms: [sr]\n"
            "    token_env: T\n", 2, "stow does not use token_env",
        ),
        (
            ONE.replace("hl7", "stow").replace("ris:2575", "https://ris/") + "    forms: [sr]\n"
            "    tls: {cert: a.pem}\n", 2, "stow does not use cert",
        ),
        (
            ONE.replace("hl7", "fhir").replace("ris:2575", "http://ris/") + "    token_env: T\n",
            2, "a password or token needs an https address",
        ),
        (
            ONE.replace("hl7", "fhir").replace("ris:2575", "http://10.1.2.3/fhir")
            + "    user: me\n    password_file: p\n",
            2, "a password or token needs an https address",
        ),
        (ONE + ONE.replace("targets:\n", ""), 6, "a second target has this name"),
        ("targets:\n  - name: [\n", 3, "this is not YAML"),
        ("- ris\n", 1, "targets cannot be used"),
        ("", 1, "targets cannot be used"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_said_with_its_line(
    tmp_path: Path, text: str, line: int, problem: str
) -> None:
    error = read(tmp_path, text)
    assert error.code == "targets_invalid"
    assert error.details["line"] == line
    assert str(error.details["problem_en"]).startswith(problem)
    assert f"第 {line} 行" in error.message_zh


def test_a_secret_that_is_not_there_is_said_by_its_receiver(tmp_path: Path) -> None:
    text = ONE.replace("hl7", "fhir").replace("ris:2575", "https://ris/")
    error = read(tmp_path, text + "    token_env: NOT_SET_ANYWHERE\n")
    assert (error.code, error.details["target"]) == ("targets_secret_missing", "ris")


def test_certificates_and_folders_are_tried_when_the_file_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, ONE + f"    tls: {{ca: {tmp_path}/none.pem}}\n").code == (
        "targets_tls_unusable"
    )
    text = ONE.replace("hl7", "folder").replace("ris:2575", f"{tmp_path}/none")
    assert read(tmp_path, text + "    forms: [text]\n").code == "targets_folder_missing"


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="targets_unreadable"):
        load_targets(tmp_path / "none.yaml")
