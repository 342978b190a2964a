"""Debian's rsyslog as the log server of tests: syslog over TLS, each message into a file."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from radraft.exchange.syslog import LogServer
from tests.certificates import certificate

PROGRAM = "/usr/sbin/rsyslogd"
TLS = "/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_ossl.so"
_CONFIGURATION = """
global(
    workDirectory="{folder}"
    defaultNetstreamDriver="ossl"
    defaultNetstreamDriverCAFile="{ca}"
    defaultNetstreamDriverCertFile="{cert}"
    defaultNetstreamDriverKeyFile="{cert}"
)
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="parsed" type="list" option.jsonf="on") {{
    property(outname="version" name="protocol-version" format="jsonf")
    property(outname="priority" name="pri" format="jsonf")
    property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
    property(outname="program" name="app-name" format="jsonf")
    property(outname="process" name="procid" format="jsonf")
    property(outname="kind" name="msgid" format="jsonf")
    property(outname="data" name="structured-data" format="jsonf")
    property(outname="text" name="msg" format="jsonf")
}}
ruleset(name="audit") {{
    action(type="omfile" file="{folder}/messages" template="parsed")
}}
input(
    type="imtcp" address="127.0.0.1" port="{port}" listenPortFileName="{folder}/port"
    ruleset="audit"
)
"""


@dataclass
class Rsyslog:
    """One that is started and stopped; its messages stay."""

    folder: Path
    port: int = 0
    """0 until it was started once; then always the same."""
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it; on return it listens."""
        if not self.port:
            authority = certificate(self.folder, "authority")
            certificate(self.folder, "log", (authority, authority))
        told = self.folder / "port"
        told.unlink(missing_ok=True)
        whole = self.folder / "rsyslog.conf"
        whole.write_text(
            _CONFIGURATION.format(
                folder=self.folder,
                ca=self.folder / "authority.pem",
                cert=self.folder / "log.pem",
                port=self.port,
            ),
            encoding="utf-8",
        )
        with (self.folder / "errors").open("ab") as errors:
            self._child = subprocess.Popen(
                [PROGRAM, "-n", "-f", whole, "-i", self.folder / "pid"],
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        pause = threading.Event()
        for _ in range(1200):
            assert self._child.poll() is None, (self.folder / "errors").read_text()
            if self._listens(told):
                return
            pause.wait(0.02)
        raise AssertionError((self.folder / "errors").read_text())

    def _listens(self, told: Path) -> bool:
        # The file is written where rsyslog chose the port itself.
        if not self.port and told.exists() and told.read_text():
            self.port = int(told.read_text())
        if not self.port:
            return False
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """Have it write what it took, and end."""
        if self._child is not None:
            self._child.terminate()
            self._child.wait(60)
            self._child = None

    @property
    def server(self) -> LogServer:
        """It, as radraft is told of it."""
        return LogServer("localhost", self.port, ca=self.folder / "authority.pem")

    def messages(self) -> list[dict[str, str]]:
        """What it wrote, as it understood it."""
        written = self.folder / "messages"
        text = written.read_text(encoding="utf-8", errors="replace") if written.exists() else ""
        # The last line may be half written.
        lines = text[: text.rfind("\n") + 1].splitlines()
        return [json.loads(line) for line in lines]

    def events(self) -> list[tuple[int, str]]:
        """Number and head of each event that arrived, in order."""
        return [_event(message["text"]) for message in self.messages()]


def installed() -> bool:
    """Whether it is there, with TLS."""
    return os.access(PROGRAM, os.X_OK) and Path(TLS).exists()


def _event(text: str) -> tuple[int, str]:
    root = ElementTree.fromstring(re.sub("^\\ufeff", "", text))
    (security,) = (
        element
        for element in root.iter("ParticipantObjectIdentification")
        if element.get("ParticipantObjectTypeCodeRole") == "13"
    )
    (head,) = (
        detail.get("value", "")
        for detail in security.iter("ParticipantObjectDetail")
        if detail.get("type") == "head"
    )
    return int(security.get("ParticipantObjectID", "")), head
