"""Settings: read once from the environment (`RADRAFT_*`), checked, and passed as arguments."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError as NotJson

import radraft
from radraft.core.errors import SettingsError
from radraft.core.networks import Network, is_loopback, is_narrow, joined, network
from radraft.core.yaml_files import Strict

CHECKOUT = Path(radraft.__file__).resolve().parents[2]
"""Root of the source checkout, where radraft runs from one."""
AE_TITLE = r"^[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?$"
"""PS3.5 6.2, AE: 1 to 16 printable characters without backslash, no space at either end."""
HOST_NAME = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
"""A name as a browser sends it (RFC 1123, 2.1), without port; IPv4 addresses look alike."""


class LogFormat(StrEnum):
    """How a log's lines are written."""

    TEXT = "text"
    JSON = "json"
    """One JSON object a line."""


class LogTarget(StrEnum):
    """Where the log goes."""

    FILE = "file"
    """`logs/radraft.log` in the data folder."""
    STDERR = "stderr"
    """For a supervisor (systemd, a container) to keep."""


class DicomPeer(Strict):
    """A device that may send to the DICOM listener."""

    aet: str = Field(pattern=AE_TITLE)
    host: str = ""
    """An address or a network (`10.1.2.0/24`); empty: any."""
    site: str = ""
    """Whose studies it sends; empty: `Settings.site`."""

    @field_validator("host")
    @classmethod
    def _address(cls, host: str) -> str:
        if host:
            ip_network(host, strict=False)
        return host


class Hl7Peer(Strict):
    """A system that may send HL7 messages."""

    host: str
    """An address or a network (`10.1.2.0/24`)."""
    site: str = ""
    """Whose orders it sends; empty: `Settings.site`."""

    @field_validator("host")
    @classmethod
    def _address(cls, host: str) -> str:
        ip_network(host, strict=False)
        return host


class Settings(BaseSettings):
    """Everything that differs between two installations.

    Each field is an environment variable: `data_dir` is `RADRAFT_DATA_DIR`, and so on.
    """

    model_config = SettingsConfigDict(env_prefix="RADRAFT_", extra="forbid", frozen=True)

    data_dir: Path = Path("~/.local/share/radraft")
    """Database, images, embeddings, the site secret and the logs. Patient data: mode 0700."""
    cache_dir: Path = Path("~/.cache/radraft")
    """What can be built again: the starter checkpoint."""
    database_url: str = ""
    """SQLAlchemy URL (`postgresql+psycopg://...`); empty means SQLite in `data_dir`."""
    database_wait_s: float = Field(default=30.0, gt=0)
    """Longest wait for another's writing, or for a free connection, in seconds."""
    postgresql_bin: Path | None = None
    """Folder of PostgreSQL's `pg_dump` and `pg_restore`; unset: those that PATH finds."""
    objects_url: str = ""
    """obstore URL for pixels and embeddings; empty means a folder in `data_dir`."""
    objects_wait_s: float = Field(default=60.0, gt=0)
    """Longest wait for one request to the S3 service at `objects_url`, in seconds."""
    frame_cache_mib: int = Field(default=4096, ge=0)
    """Disk in `data_dir` for frames that were decoded for the viewer, in MiB; 0: none is kept."""
    archive_dir: Path | None = None
    """Folder on slower storage that a retention rule moves old studies' images to; it must be
    there. Unset: nothing is moved. docs/retention.md."""
    signature_log: str = ""
    """Where the heads of the chain of signatures are sent: `file:/path`, `syslog` or
    `syslog:/path` of its socket; empty: nowhere. docs/signatures.md says why."""
    audit_syslog: str = ""
    """Log server that the audit is sent to over TLS (`host:port`); empty: none. docs/audit.md."""
    audit_syslog_ca: Path | None = None
    """Whose certificates are believed of the log server (PEM), in place of the system's."""
    audit_syslog_cert: Path | None = None
    """Our certificate for the log server (PEM), where it asks for one."""
    audit_syslog_key: Path | None = None
    """Its key (PEM), where it is not in the same file."""
    institutions: Path | None = None
    """YAML of each site's institution: names, department, OID, time zone (docs/exports.md); unset:
    reports carry the site's name."""
    export_fonts: Annotated[tuple[Path, ...], NoDecode] = ()
    """Font files that PDFs are printed with, before the system's, divided by commas."""
    viewer_url: str = ""
    """Address of a study in the hospital's own viewer, with `{accession}` or `{study_uid}` where
    those stand (docs/viewer.md); empty: no link is shown."""
    site: str = "local"
    """Short name of this hospital or branch; written into every training pair."""
    profile: str = "starter"
    """Name of a model profile in `llm/profiles/`, or a path to one's YAML file."""
    llm_url: str = ""
    """Base URL of a running vLLM (`http://host:port`), or of several that serve the same model,
    divided by commas or blanks; empty means radraft starts its own."""
    llm_key: SecretStr = SecretStr("")
    """API key of the vLLM at `llm_url`; of several, the same for all."""
    vllm_python: Path = Path(".venv-vllm/bin/python")
    """Python of the virtual environment that holds vLLM. A relative path starts at the working
    directory, then at the source checkout."""
    radeval_python: Path = Path(".venv-radeval/bin/python")
    """Python of the virtual environment that holds RadEval; relative as `vllm_python`."""
    draft_timeout_s: float = 300.0
    """Longest wait for one drafted report, in seconds."""
    start_timeout_s: float = 600.0
    """Longest wait for a starting vLLM, in seconds."""
    lease_s: float = Field(default=60.0, ge=1)
    """Seconds without a sign of life after which a study that a process was drafting is another's
    to draft."""
    worker_port: int = Field(default=0, ge=0, le=65535)
    """Port at which `radraft worker` tells its health and figures; 0: none. docs/deploy.md."""
    host: str = "127.0.0.1"
    """Address that the workstation binds. One that others can reach needs `tls_cert` or `proxies`,
    and `hosts`. docs/deploy.md says more of this and what follows."""
    port: int = Field(default=7860, ge=0, le=65535)
    hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Names or addresses under which browsers ask for the workstation, divided by commas; the first
    is the one that links name. Loopback names are taken from this machine alone."""
    tls_cert: Path | None = None
    """The workstation's certificate with its chain (PEM); with it HTTPS alone is spoken."""
    tls_key: Path | None = None
    """Its key (PEM), where it is not in the same file."""
    proxies: Annotated[tuple[Network, ...], NoDecode] = ()
    """Addresses or narrow networks of the reverse proxies whose forwarded headers are believed,
    divided by commas."""
    drain_s: float = Field(default=0.0, ge=0)
    """Seconds for which an ending workstation says that it is not ready and answers all the same,
    and then at most for what is under way: for several behind one proxy. docs/deploy.md."""
    metrics_from: Annotated[tuple[Network, ...], NoDecode] = ()
    """Networks that may read `/metrics` besides this machine, divided by commas."""
    metrics_token: SecretStr = SecretStr("")
    """With it as bearer token `/metrics` may be read from anywhere; empty: not so."""
    log_format: LogFormat = LogFormat.TEXT
    log_to: LogTarget = LogTarget.FILE
    dicom_port: int = Field(default=0, ge=0, le=65535)
    """Port of the DICOM listener; 0: none. docs/intake.md says more of this and what follows."""
    dicom_host: str = "127.0.0.1"
    """Address that the DICOM listener binds; others than loopback need `dicom_peers`."""
    dicom_aet: str = Field(default="RADRAFT", pattern=AE_TITLE)
    """Our AE title."""
    dicom_peers: tuple[DicomPeer, ...] = ()
    """Who may send, as JSON: `[{"aet": "CT1", "host": "10.1.2.0/24", "site": "north"}]`."""
    dicom_tls_cert: Path | None = None
    """Our certificate (PEM); with it the listener speaks TLS only."""
    dicom_tls_key: Path | None = None
    """Its key (PEM), where it is not in the same file."""
    dicom_tls_ca: Path | None = None
    """Whose client certificates are believed (PEM); with it every peer must show one."""
    dicom_max_mib: int = Field(default=1024, ge=1, le=2048)
    """Largest data set that is received, in MiB."""
    dicom_associations: int = Field(default=16, ge=1)
    """Most associations at a time."""
    hl7_port: int = Field(default=0, ge=0, le=65535)
    """Port of the HL7 listener for orders; 0: none. docs/orders.md says more of this and what
    follows."""
    hl7_host: str = "127.0.0.1"
    """Address that the HL7 listener binds; others than loopback need `hl7_peers`."""
    hl7_peers: tuple[Hl7Peer, ...] = ()
    """Who may send, as JSON: `[{"host": "10.1.2.7", "site": "north"}]`."""
    hl7_authorities: dict[str, str] = Field(default_factory=dict)
    """By site, as JSON, the authority (CX.4) whose patient numbers its studies bear: `{"north":
    "HIS"}`. Corrections and merges of others' numbers are passed over; a site that is not named
    takes all."""
    hl7_tls_cert: Path | None = None
    """Our certificate (PEM); with it the listener speaks TLS only."""
    hl7_tls_key: Path | None = None
    """Its key (PEM), where it is not in the same file."""
    hl7_tls_ca: Path | None = None
    """Whose client certificates are believed (PEM); with it every sender must show one."""
    hl7_max_kib: int = Field(default=1024, ge=16, le=65536)
    """Largest message that is received, in KiB."""
    hl7_connections: int = Field(default=32, ge=1)
    """Most connections at a time."""
    mwl: str = Field(default="", pattern=r"^([^@]{1,16}@[^@:]+:[0-9]{1,5})?$")
    """DICOM modality worklist that is asked for the orders of studies (`AET@host:port`); empty:
    none. docs/orders.md."""
    mwl_minutes: float = Field(default=0.0, ge=0)
    """Minutes between two times that the whole day's worklist is asked for; 0: it is asked only for
    studies that came without an order."""
    session_idle_min: float = Field(default=15.0, gt=0)
    """Minutes without anything that a person did, after which his session locks."""
    session_hours: float = Field(default=12.0, gt=0)
    """Hours from signing in, after which a session ends."""
    second_factor: bool = False
    """Whether who signs in by a password is asked for a code of his telephone too."""
    openid: Path | None = None
    """YAML of the hospital's OpenID provider (docs/accounts.md); unset: local accounts alone."""
    openid_secret: SecretStr = SecretStr("")
    """What radraft shows the provider; empty: it is a public client."""
    openid_ca: Path | None = None
    """Whose certificates are believed of the provider (PEM), in place of the system's."""
    quiet_s: float = Field(default=30.0, ge=0)
    """A study is complete when nothing of it came for so many seconds."""
    quiet_by_site: dict[str, float] = {}
    """Other quiet times, by site, as JSON: `{"north": 90}`."""
    intake_spare_mib: int = Field(default=512, ge=0)
    """Space on the disk that arriving objects leave free, in MiB."""
    watch_dir: Path | None = None
    """A folder whose files are moved in; unset: none."""
    pacs_url: str = ""
    """DICOMweb service that `radraft pull` asks and results are pushed to."""
    pacs_user: str = ""
    """User name at the PACS; empty: none is sent."""
    pacs_password: SecretStr = SecretStr("")
    """Password at the PACS."""
    pacs_ca: Path | None = None
    """Whose certificates are believed of the PACS (PEM), in place of the system's."""
    targets: Path | None = None
    """YAML of the receivers that signed reports are sent to (docs/outbox.md); unset: none."""
    dismissed_limit: float = Field(default=0.5, gt=0, le=1)
    """Share of a check's warnings; a check of which readers dismiss more is said to be noise."""
    dismissed_least: int = Field(default=30, ge=1)
    """Warnings that a check must have given before that is said of it."""
    deid_recognisers: Path | None = None
    """YAML of the hospital's own recognisers of identity in text (docs/deidentification.md)."""
    critical_values: Path | None = None
    """YAML of the hospital's own critical values (docs/critical_values.md); unset: the preset."""
    similar_cases: bool = True
    """Whether a study page shows signed cases whose pictures are alike (docs/similar_cases.md)."""
    turnround: Path | None = None
    """YAML of the site's own turn-round limits (docs/turnround.md); unset: the presets."""

    @property
    def adapters_dir(self) -> Path:
        """The one root under which adapters lie."""
        return self.data_dir / "adapters"

    @field_validator(
        "data_dir", "cache_dir", "vllm_python", "radeval_python", "dicom_tls_cert",
        "dicom_tls_key", "dicom_tls_ca", "watch_dir", "pacs_ca", "deid_recognisers",
        "critical_values", "turnround", "audit_syslog_ca", "audit_syslog_cert", "audit_syslog_key",
        "hl7_tls_cert", "hl7_tls_key", "hl7_tls_ca",
        "tls_cert", "tls_key", "openid", "openid_ca", "postgresql_bin", "archive_dir",
        "institutions", "targets",
    )  # fmt: skip
    @classmethod
    def _expand(cls, path: Path | None) -> Path | None:
        return path.expanduser() if path else None

    @field_validator("export_fonts", mode="before")
    @classmethod
    def _files(cls, files: Any) -> Any:
        return tuple(Path(file).expanduser() for file in _items(files))

    @field_validator("host")
    @classmethod
    def _address(cls, host: str) -> str:
        if host != "localhost":
            ip_address(host)
        return host

    @field_validator("hosts", mode="before")
    @classmethod
    def _names(cls, hosts: Any) -> Any:
        names = tuple(name.lower() for name in _items(hosts))
        for name in names:
            # As in a `Host` header: an IPv6 address stands in brackets there.
            if not re.fullmatch(HOST_NAME, name):
                IPv6Address(name.removeprefix("[").removesuffix("]"))
        return tuple(name.removeprefix("[").removesuffix("]") for name in names)

    @field_validator("proxies", "metrics_from", mode="before")
    @classmethod
    def _networks(cls, networks: Any) -> Any:
        return tuple(
            item if isinstance(item, IPv4Network | IPv6Network) else network(item)
            for item in _items(networks)
        )

    @field_validator("metrics_token")
    @classmethod
    def _long_enough(cls, token: SecretStr) -> SecretStr:
        if 0 < len(token.get_secret_value()) < 16:
            raise ValueError("at least 16 characters")
        return token

    @model_validator(mode="after")
    def _reached_safely(self) -> Self:
        """Nobody talks to the workstation over a network in the clear, or under a name that is not
        its own."""
        proxies = joined(self.proxies)
        if any(proxy.prefixlen == 0 for proxy in proxies):
            raise _refused("proxies_everybody")
        if not all(map(is_narrow, proxies)):
            raise _refused("proxies_too_wide")
        if self.tls_key is not None and self.tls_cert is None:
            raise _refused("tls_cert_missing")
        guarded = self.tls_cert is not None or bool(self.proxies)
        if not guarded and not is_loopback(self.host):
            raise _refused("host_unprotected")
        if not self.hosts and (self.proxies or not is_loopback(self.host)):
            raise _refused("hosts_missing")
        return self

    @property
    def url(self) -> str:
        """Where people open the workstation."""
        host = self.hosts[0] if self.hosts else self.host
        shown = f"[{host}]" if ":" in host else host
        if self.proxies and self.tls_cert is None:
            return f"https://{shown}"
        scheme, usual = ("http", 80) if self.tls_cert is None else ("https", 443)
        return f"{scheme}://{shown}" if self.port == usual else f"{scheme}://{shown}:{self.port}"

    @field_validator("signature_log")
    @classmethod
    def _signature_log(cls, where: str) -> str:
        kind, colon, path = where.partition(":")
        known = where in {"", "syslog"} or (kind in {"file", "syslog"} and bool(colon))
        if not known or (path and not Path(path).is_absolute()) or (colon and not path):
            raise ValueError("must be file:/path, syslog or syslog:/path")
        return where

    @field_validator("viewer_url")
    @classmethod
    def _pattern(cls, pattern: str) -> str:
        """One of a study, over HTTP, in which nothing else is left open."""
        if not pattern:
            return pattern
        parsed = [rest for _, *rest in Formatter().parse(pattern) if rest[0] is not None]
        plain = all(not spec and conversion is None for _, spec, conversion in parsed)
        fields = {name for name, _, _ in parsed}
        if not plain or not fields or not fields <= {"accession", "study_uid"}:
            raise ValueError("must hold {accession} or {study_uid}, and nothing else in braces")
        parts = urlsplit(pattern)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "{" in parts.netloc:
            raise ValueError("must start with http:// or https:// and a host")
        return pattern

    @property
    def llm_urls(self) -> tuple[str, ...]:
        """The addresses in `llm_url`, in their order; they are numbered from 1."""
        return tuple(self.llm_url.split())

    @field_validator("llm_url")
    @classmethod
    def _vllms(cls, urls: str) -> str:
        """Each once and without a slash at its end, divided by one blank."""
        divided = dict.fromkeys(cls._http(url) for url in urls.replace(",", " ").split())
        return " ".join(divided)

    @field_validator("pacs_url")
    @classmethod
    def _http(cls, url: str) -> str:
        if url and urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError("must start with http:// or https://")
        return url.rstrip("/")


def _items(value: Any) -> Iterable[Any]:
    """The parts of a text that are divided by commas; other values as they are."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return tuple(value)


def _refused(code: str) -> PydanticCustomError:
    """What `load` gives as SettingsError `code`: settings that are each well-formed, and together
    cannot work."""
    return PydanticCustomError(code, "{code}", {"code": code})


def program(wanted: Path) -> Path | None:
    """`wanted` from the working directory, else from the source checkout; None where neither can
    be run."""
    # Not resolved: the link in a virtual environment is what makes Python use it.
    for path in (Path.cwd() / wanted, CHECKOUT / wanted):
        if os.access(path, os.X_OK):
            return path
    return None


def load() -> Settings:
    """Settings from the environment. SettingsError `settings_invalid` names the variables that
    cannot be used; `host_unprotected`, `hosts_missing`, `tls_cert_missing`, `proxies_everybody`,
    `proxies_too_wide`."""
    try:
        return Settings()
    except ValidationError as error:
        for item in error.errors():
            if not item["loc"]:
                raise SettingsError(item["type"]) from None
        names = ", ".join(
            sorted({f"RADRAFT_{str(item['loc'][0]).upper()}" for item in error.errors()})
        )
        raise SettingsError("settings_invalid", variables=names) from None
    except NotJson as error:
        names = ", ".join(
            f"RADRAFT_{name.upper()}" for name in Settings.model_fields if f'"{name}"' in str(error)
        )
        raise SettingsError("settings_invalid", variables=names) from None
