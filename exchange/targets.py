"""Where signed reports go: the receivers that a YAML file names, each checked when it is read.

What it does not hold are secrets: it names the environment variable or the file that holds one.
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import yaml
from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from radraft.core.errors import SettingsError
from radraft.core.settings import AE_TITLE
from radraft.core.yaml_files import Strict
from radraft.reports.commitment import LONGEST_WAIT
from radraft.reports.export.charset import Charset
from radraft.reports.export.values import OutgoingStatus
from radraft.reports.outgoing_entry import OutgoingForm
from radraft.reports.roles import EVERY_SITE

MOST_BYTES = 1 << 20
"""Of the file."""


class TargetKind(StrEnum):
    """How a receiver is spoken to."""

    DICOM = "dicom"
    """C-STORE."""
    STOW = "stow"
    """DICOMweb."""
    FHIR = "fhir"
    """A transaction Bundle is posted."""
    HL7 = "hl7"
    """HL7 v2 over MLLP."""
    FOLDER = "folder"


class Occasion(StrEnum):
    """When a receiver is sent a report."""

    PRELIMINARY = "preliminary"
    """Once it is submitted for review."""
    FINAL = "final"
    """Once it is signed."""
    CORRECTED = "corrected"
    """Once an amendment or an addendum of it is signed."""


_WRONG = "target"
"""Type of pydantic's errors that are ours, with both sentences."""
_DICOM_FORMS = frozenset({OutgoingForm.SR, OutgoingForm.KOS, OutgoingForm.PDF})
FORMS: Mapping[TargetKind, frozenset[OutgoingForm]] = {
    TargetKind.DICOM: _DICOM_FORMS,
    TargetKind.STOW: _DICOM_FORMS,
    TargetKind.FHIR: frozenset({OutgoingForm.FHIR}),
    TargetKind.HL7: frozenset({OutgoingForm.ORU}),
    TargetKind.FOLDER: frozenset(OutgoingForm),
}
"""What each kind of receiver can be sent."""
_USUAL_FORMS = {
    TargetKind.FHIR: frozenset({OutgoingForm.FHIR}),
    TargetKind.HL7: frozenset({OutgoingForm.ORU}),
}
_WEB_LOGIN = frozenset({"user", "password_env", "password_file"})
_MESSAGE = frozenset(
    {
        "charset",
        "sending_application",
        "sending_facility",
        "receiving_application",
        "receiving_facility",
    }
)
_COMMITMENT_DETAILS = frozenset({"commitment_aet", "commitment_address", "commitment_within_min"})
_COMMITMENT = _COMMITMENT_DETAILS | {"commitment"}
_OPTIONS: Mapping[TargetKind, frozenset[str]] = {
    TargetKind.DICOM: frozenset({"tls", "called_aet", "calling_aet"}) | _COMMITMENT,
    TargetKind.STOW: _WEB_LOGIN | {"tls"},
    TargetKind.FHIR: _WEB_LOGIN | {"tls", "token_env", "token_file"},
    TargetKind.HL7: _MESSAGE | {"tls"},
    TargetKind.FOLDER: _MESSAGE,
}
"""What of a receiver counts for its kind only: given to another, it would be of no effect."""
_EVERY_OPTION = frozenset[str]().union(*_OPTIONS.values())
_OCCASIONS = {
    OutgoingStatus.PRELIMINARY: Occasion.PRELIMINARY,
    OutgoingStatus.FINAL: Occasion.FINAL,
    OutgoingStatus.CORRECTED: Occasion.CORRECTED,
    OutgoingStatus.APPENDED: Occasion.CORRECTED,
}


@dataclass(frozen=True)
class TargetTls:
    """Whose certificates are believed of a receiver, in place of the system's, and our own."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return what TLS needs. OSError or ssl.SSLError where a file cannot be used."""
        context = ssl.create_default_context(cafile=self.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.cert is not None:
            # A key with a passphrase is refused, not asked for on a terminal.
            context.load_cert_chain(self.cert, self.key, password="")
        return context


@dataclass(frozen=True)
class HostPort:
    """An address of TCP."""

    host: str
    port: int


@dataclass(frozen=True)
class Commitment:
    """Of whom storage commitment is asked (PS3.4 J)."""

    called_aet: str
    """Who is asked, and alone is believed."""
    host: HostPort
    within: timedelta
    """How long its report is waited for before it is asked again."""


@dataclass(frozen=True)
class Target:
    """A receiver of reports."""

    name: str
    kind: TargetKind
    sites: frozenset[str]
    """`EVERY_SITE` stands for all."""
    forms: tuple[OutgoingForm, ...]
    """What it is sent of each report, in this order."""
    occasions: frozenset[Occasion]
    host: HostPort | None = None
    """Of DICOM and HL7."""
    url: str = ""
    """Of STOW and FHIR, without a slash at its end."""
    folder: Path | None = None
    tls: TargetTls | None = None
    """None: what `url` says; without TLS where there is no URL."""
    charset: Charset = Charset.UTF_8
    called_aet: str = ""
    calling_aet: str = "RADRAFT"
    sending: tuple[str, str] = ("RADRAFT", "")
    """MSH-3 and MSH-4."""
    receiving: tuple[str, str] = ("", "")
    """MSH-5 and MSH-6."""
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    timeout_s: float = 30.0
    """Longest wait for the receiver at each step of one delivery."""
    commitment: Commitment | None = None
    """None: what C-STORE answers counts alone."""

    def wants(self, site: str, status: OutgoingStatus) -> bool:
        """Return whether it is sent a report of a site."""
        here = EVERY_SITE in self.sites or site in self.sites
        return here and _OCCASIONS[status] in self.occasions


def load_targets(path: Path | None) -> tuple[Target, ...]:
    """Return the receivers of the file at `path`, in its order; none for None.

    SettingsError `targets_unreadable`; `targets_invalid`, with the line; `targets_secret_missing`,
    `targets_tls_unusable`, `targets_folder_missing` with the receiver's name.
    """
    if path is None:
        return ()
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise SettingsError("targets_unreadable", file=str(path)) from None
    if len(raw) > MOST_BYTES:
        raise SettingsError("targets_unreadable", file=str(path))
    return tuple(map(_target, _parsed(text, str(path)).targets))


class _Tls(Strict):
    ca: str = ""
    cert: str = ""
    key: str = ""

    @model_validator(mode="after")
    def _has_certificate(self) -> Self:
        if self.key and not self.cert:
            raise _wrong("a key without cert", "有 key 而没有 cert")
        return self


_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
_Text = Annotated[str, Field(max_length=180)]
_Ae = Annotated[str, Field(pattern=AE_TITLE)]


class _TargetYaml(Strict):
    """A receiver as the file writes it."""

    name: _Name
    kind: TargetKind
    sites: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=64)], ...], Field(min_length=1)
    ]
    address: Annotated[str, Field(min_length=1, max_length=2000)]
    forms: tuple[OutgoingForm, ...] = ()
    when: Annotated[tuple[Occasion, ...], Field(min_length=1)] = (
        Occasion.FINAL,
        Occasion.CORRECTED,
    )
    charset: Charset = Charset.UTF_8
    tls: _Tls | None = None
    called_aet: _Ae | None = None
    calling_aet: _Ae = "RADRAFT"
    sending_application: _Text = "RADRAFT"
    sending_facility: _Text = ""
    receiving_application: _Text = ""
    receiving_facility: _Text = ""
    user: _Text = ""
    password_env: _Text = ""
    password_file: str = ""
    token_env: _Text = ""
    token_file: str = ""
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 30.0
    commitment: bool = False
    commitment_aet: _Ae | None = None
    commitment_address: Annotated[str, Field(max_length=2000)] = ""
    commitment_within_min: Annotated[float, Field(ge=1, le=LONGEST_WAIT / timedelta(minutes=1))] = (
        60.0
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for problem in self._problems():
            raise problem
        return self

    def _problems(self) -> Iterator[PydanticCustomError]:
        wrong = sorted({form.value for form in self.forms} - {f.value for f in FORMS[self.kind]})
        if wrong:
            yield _wrong(
                f"{self.kind} cannot be sent {', '.join(wrong)}",
                f"{self.kind} 不能发送 {', '.join(wrong)}",
            )
        if not self.forms and self.kind not in _USUAL_FORMS:
            yield _wrong("forms is missing", "缺少 forms")
        if len(set(self.forms)) != len(self.forms):
            yield _wrong("a form stands there twice", "forms 中有重复")
        if Occasion.PRELIMINARY in self.when and set(self.forms) & _DICOM_FORMS - {
            OutgoingForm.PDF
        }:
            yield _wrong(
                "a PACS is sent signed reports only: take preliminary out of when",
                "PACS 只接收已签报告：请从 when 中去掉 preliminary",
            )
        yield from self._address_problems()
        if self.model_fields_set & _COMMITMENT_DETAILS and not self.commitment:
            yield _wrong("this needs commitment: true", "须同时写明 commitment: true")
        if self.commitment_address and _host_port(self.commitment_address) is None:
            yield _wrong(
                "commitment_address must be host:port", "commitment_address 须为 主机:端口"
            )
        if (self.password_env and self.password_file) or (self.token_env and self.token_file):
            yield _wrong("give either the variable or the file", "环境变量与文件只能给一个")
        if bool(self.user) != bool(self.password_env or self.password_file):
            yield _wrong("user needs a password, and it needs user", "user 与密码须同时给出")
        yield from self._ignored()

    def _ignored(self) -> Iterator[PydanticCustomError]:
        """What would be of no effect: whoever wrote it relies on it."""
        ignored = sorted(self.model_fields_set & _EVERY_OPTION - _OPTIONS[self.kind])
        if ignored:
            yield _wrong(
                f"{self.kind} does not use {', '.join(ignored)}",
                f"{self.kind} 不使用 {', '.join(ignored)}",
            )
        if self.kind is TargetKind.STOW and self.tls is not None and self.tls.cert:
            yield _wrong("stow does not use cert", "stow 不使用 cert")

    def _address_problems(self) -> Iterator[PydanticCustomError]:
        if self.kind in (TargetKind.DICOM, TargetKind.HL7):
            if _host_port(self.address) is None:
                yield _wrong("address must be host:port", "address 须为 主机:端口")
        elif self.kind is TargetKind.FOLDER:
            if not Path(self.address).is_absolute():
                yield _wrong("address must be a whole path", "address 须为完整路径")
        else:
            yield from self._url_problems()
        if self.kind is TargetKind.DICOM and self.called_aet is None:
            yield _wrong("called_aet is missing", "缺少 called_aet")

    def _url_problems(self) -> Iterator[PydanticCustomError]:
        try:
            parts = urlsplit(self.address)
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
            in_clear = parts.username is not None or parts.password is not None
            _ = parts.port
        except ValueError:
            usable = in_clear = False
        if not usable:
            yield _wrong(
                "address must start with http:// or https://",
                "address 须以 http:// 或 https:// 开头",
            )
        if in_clear:
            yield _wrong("no password in an address", "address 中不得有密码")
        if usable and parts.scheme == "http" and self.tls is not None:
            yield _wrong("tls needs an https address", "tls 须配合 https 地址")
        secret = self.password_env or self.password_file or self.token_env or self.token_file
        if secret and usable and parts.scheme == "http" and not _is_here(parts.hostname or ""):
            yield _wrong(
                "a password or token needs an https address",
                "密码或令牌须配合 https 地址",
            )


class _File(Strict):
    """The whole file."""

    targets: tuple[_TargetYaml, ...]


def _wrong(en: str, zh: str) -> PydanticCustomError:
    return PydanticCustomError(_WRONG, "{en}", {"en": en, "zh": zh})


def _is_here(host: str) -> bool:
    """Whether what is sent to a host stays on this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host_port(address: str) -> HostPort | None:
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or any(char.isspace() or char in "/@" for char in host) or not port.isdecimal():
        return None
    return HostPort(host, int(port)) if 1 <= int(port) <= 65535 else None


def _parsed(text: str, file: str) -> _File:
    """SettingsError `targets_invalid`."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        _require_single(node, file)
        found = _File.model_validate_json(json.dumps(yaml.safe_load(text)))
    except ValidationError as error:
        first = error.errors()[0]
        raise _invalid(_line(node, first["loc"]), *_problem(first), file=file) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = 1 if mark is None else mark.line + 1
        raise _invalid(line, "this is not YAML", "不是 YAML", file=file) from None
    except (TypeError, ValueError, RecursionError):
        raise _invalid(1, "this is not a list of targets", "不是目标列表", file=file) from None
    names: set[str] = set()
    for number, target in enumerate(found.targets):
        if target.name in names:
            line = _line(node, ("targets", number, "name"))
            raise _invalid(line, "a second target has this name", "名称重复", file=file)
        names.add(target.name)
    return found


def _invalid(line: int, en: str, zh: str, *, file: str) -> SettingsError:
    return SettingsError("targets_invalid", file=file, line=line, problem_zh=zh, problem_en=en)


def _problem(error: Any) -> tuple[str, str]:
    """(en, zh) of one of pydantic's errors."""
    if error["type"] == _WRONG:
        return error["ctx"]["en"], error["ctx"]["zh"]
    where = next((str(step) for step in reversed(error["loc"]) if isinstance(step, str)), "targets")
    if error["type"] == "missing":
        return f"{where} is missing", f"缺少 {where}"
    if error["type"] == "extra_forbidden":
        return f"{where} is not a setting", f"没有 {where} 这一项"
    if error["type"] == "enum":
        expected = str(error["ctx"]["expected"]).replace("'", "").replace(" or ", ", ")
        return f"{where} must be one of {expected}", f"{where} 须为 {expected} 之一"
    return f"{where} cannot be used", f"{where} 的值无效"


def _line(node: yaml.Node | None, steps: tuple[int | str, ...]) -> int:
    """The line, from 1, of what pydantic names; of what is missing that of what lacks it."""
    here = node
    line = 1 if node is None else node.start_mark.line + 1
    for step in steps:
        child = None
        if isinstance(here, yaml.MappingNode):
            for key, value in here.value:
                if key.value == step:
                    child, line = value, key.start_mark.line + 1
        elif isinstance(here, yaml.SequenceNode) and isinstance(step, int):
            child = here.value[step]
            line = child.start_mark.line + 1
        if child is None:
            break
        here = child
    return line


def _require_single(node: yaml.Node | None, file: str) -> None:
    """SettingsError `targets_invalid` for a key that stands twice: YAML would take the last."""
    if isinstance(node, yaml.MappingNode):
        known: set[str] = set()
        for key, value in node.value:
            if key.value in known:
                line = key.start_mark.line + 1
                en, zh = f"{key.value} stands there twice", f"{key.value} 重复"
                raise _invalid(line, en, zh, file=file)
            known.add(key.value)
            _require_single(value, file)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _require_single(item, file)


def _target(read: _TargetYaml) -> Target:
    web = read.kind in (TargetKind.STOW, TargetKind.FHIR)
    target = Target(
        name=read.name,
        kind=read.kind,
        sites=frozenset(read.sites),
        forms=read.forms or tuple(_USUAL_FORMS[read.kind]),
        occasions=_with_corrections(read.when),
        host=_host_port(read.address) if read.kind in (TargetKind.DICOM, TargetKind.HL7) else None,
        url=read.address.rstrip("/") if web else "",
        folder=Path(read.address) if read.kind is TargetKind.FOLDER else None,
        tls=None if read.tls is None else _tls(read.tls, read.name),
        charset=read.charset,
        called_aet=read.called_aet or "",
        calling_aet=read.calling_aet,
        sending=(read.sending_application, read.sending_facility),
        receiving=(read.receiving_application, read.receiving_facility),
        user=read.user,
        password=_secret(read.password_env, read.password_file, read.name),
        token=_secret(read.token_env, read.token_file, read.name),
        timeout_s=read.timeout_s,
        commitment=_commitment(read),
    )
    if target.folder is not None and not target.folder.is_dir():
        raise SettingsError("targets_folder_missing", file=str(target.folder), target=read.name)
    return target


def _commitment(read: _TargetYaml) -> Commitment | None:
    host = _host_port(read.commitment_address or read.address)
    if not read.commitment or host is None:
        return None
    called_aet = read.commitment_aet or read.called_aet or ""
    return Commitment(called_aet, host, timedelta(minutes=read.commitment_within_min))


def _with_corrections(named: tuple[Occasion, ...]) -> frozenset[Occasion]:
    """Return `named`, with corrections for whoever has the signed report: it may be wrong."""
    corrections = {Occasion.CORRECTED} if Occasion.FINAL in named else set()
    return frozenset(named) | corrections


def _tls(read: _Tls, name: str) -> TargetTls:
    paths = (Path(path).expanduser() if path else None for path in (read.ca, read.cert, read.key))
    tls = TargetTls(*paths)
    try:
        tls.context()
    except (OSError, ssl.SSLError):
        raise SettingsError("targets_tls_unusable", target=name) from None
    return tls


def _secret(variable: str, file: str, name: str) -> str:
    """SettingsError `targets_secret_missing`."""
    if not variable and not file:
        return ""
    try:
        found = os.environ[variable] if variable else Path(file).read_text(encoding="utf-8")
    except (KeyError, OSError, UnicodeDecodeError):
        found = ""
    secret = found.strip()
    if not secret or not secret.isprintable():
        raise SettingsError("targets_secret_missing", target=name, where=variable or "file")
    return secret
