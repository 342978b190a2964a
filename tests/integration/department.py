"""A department's server as its administrator starts it, and what is done at its command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.processes import free_port
from tests.reached import environment

PATIENCE_S = 120
SERVING = "Workstation:"


@dataclass(frozen=True)
class Department:
    """A running `radraft serve`; its commands work on the same data folder."""

    folder: Path
    url: str
    dicom_port: int
    hl7_port: int
    settings: dict[str, str]

    @property
    def data(self) -> Path:
        """The data folder: patient data, and the service's log."""
        return self.folder / "data"

    def radraft(self, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
        """What `radraft ARGUMENTS --json` prints; it ends with `code`."""
        done = subprocess.run(
            [*_PROGRAM, *map(str, arguments), "--json"],
            env=self.settings,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert done.returncode == code, done.stdout + done.stderr
        with (self.folder / "commands.log").open("a", encoding="utf-8") as log:
            log.write(done.stderr)
        said = json.loads(done.stdout)
        assert isinstance(said, dict)
        return said

    def first_link(self) -> str:
        """The link that the service printed for its first administrator."""
        said = (self.folder / "serve.err").read_text(encoding="utf-8")
        found = re.search(r"http://\S+/sign-in#first=\S+", said)
        assert found is not None, said
        return found[0]

    def hired(self, login: str, name: str, role: str) -> str:
        """Make an account; the link by which its person sets a password."""
        link = self.radraft("users", "add", login, "--name", name, "--role", f"{role}@local")
        return str(link["link"])

    def refused_as(self, code: str) -> bool:
        """Whether an object came to be refused with a code; waits until none waits any more."""
        pause = threading.Event()
        while (told := self.radraft("received"))["counts"]["waiting"]:
            pause.wait(0.2)
        return code in {refused["code"] for refused in told["refused"]}

    def said(self) -> dict[str, str]:
        """Everything that was written to a log or a terminal, by file."""
        logs = [path for path in (self.data / "logs").rglob("*") if path.is_file()]
        files = [*logs, *self.folder.glob("*.log"), *self.folder.glob("serve.*")]
        return {path.name: path.read_text(encoding="utf-8", errors="replace") for path in files}


_PROGRAM = [sys.executable, "-c", "from radraft.cli import main; main()"]


@contextmanager
def serving(folder: Path, **settings: object) -> Iterator[Department]:
    """`radraft serve` with its listeners of DICOM and HL7, from the moment it accepts
    connections."""
    port, dicom_port, hl7_port = free_port(), free_port(), free_port()
    ports = {"port": port, "dicom_port": dicom_port, "hl7_port": hl7_port}
    values = environment(folder / "data", **ports, **settings)
    with (folder / "serve.out").open("wb") as out, (folder / "serve.err").open("wb") as errors:
        child = subprocess.Popen([*_PROGRAM, "serve"], env=values, stdout=out, stderr=errors)
    try:
        pause = threading.Event()
        while SERVING not in (folder / "serve.out").read_text(encoding="utf-8"):
            assert child.poll() is None, (folder / "serve.err").read_text(encoding="utf-8")
            pause.wait(0.05)
        yield Department(folder, f"http://127.0.0.1:{port}", dicom_port, hl7_port, values)
    finally:
        child.terminate()
        child.wait(PATIENCE_S)


def storescu(department: Department, *paths: Path, options: tuple[str, ...] = ()) -> int:
    """Send files as a modality does, with dcmtk; how many were acknowledged with success."""
    sender = ["storescu", "-v", *options, "-aet", "DX1", "-aec", "RADRAFT"]
    address = ["127.0.0.1", str(department.dicom_port)]
    done = subprocess.run(
        [*sender, *address, *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    return len(re.findall(r"Received Store Response \(Success\)", done.stdout + done.stderr))
