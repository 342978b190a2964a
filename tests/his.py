"""A HIS that is a small FHIR R4 server: it takes transaction Bundles (hl7.org/fhir/R4/http.html
#transaction) with conditional creates and updates, wholly or not, and has them on the disk before
it answers. An update that changes nothing makes no version.

    python -m tests.his PORT FILE [SECONDS]

SECONDS go by between keeping a transaction and answering it.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.receiver import Receiver

BASE = "/fhir"
_ESCAPED = re.compile(r"\\([\\$,|])")
"""A character of a search's value that would mean something (R4 3.1.1.4.7)."""
_TABLES = """\
CREATE TABLE IF NOT EXISTS transactions (
    number INTEGER PRIMARY KEY, bundle TEXT NOT NULL, beside INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS versions (
    number INTEGER PRIMARY KEY, type TEXT NOT NULL, id TEXT NOT NULL, content TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS versions_of ON versions (type, id);
CREATE TABLE IF NOT EXISTS identifiers (
    type TEXT NOT NULL, identifier TEXT NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (type, identifier, id)
);
"""


def receiver(file: Path, *, pause_s: float = 0.0) -> Receiver:
    """Return a HIS that has not been started."""
    return Receiver("tests.his", file, (str(pause_s),))


def url(his: Receiver) -> str:
    """Return where transactions are posted."""
    return f"http://127.0.0.1:{his.port}{BASE}"


def history(his: Receiver, kind: str) -> list[dict[str, Any]]:
    """Return every version of every resource of a type, in the order in which they were made."""
    rows = his.rows("SELECT content FROM versions WHERE type = ? ORDER BY number", kind)
    return [json.loads(row[0]) for row in rows]


def transactions(his: Receiver) -> list[str]:
    """Return the ids of the Bundles that it took, repeats among them, in their order."""
    return [row[0] for row in his.rows("SELECT bundle FROM transactions ORDER BY number")]


def most_beside(his: Receiver) -> int:
    """Return beside how many others a transaction came, at most."""
    return int(his.rows("SELECT max(beside) FROM transactions")[0][0])


class _Refused(Exception):
    """A transaction that is not taken, with its HTTP status."""

    def __init__(self, status: int, issue: str) -> None:
        super().__init__(issue)
        self.status = status
        self.issue = issue


class _Transaction:
    """One Bundle on its way in; the caller's transaction of the database is around it."""

    def __init__(self, kept: sqlite3.Connection, bundle: Any) -> None:
        if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
            raise _Refused(400, "invalid")
        self._kept = kept
        self._entries: list[dict[str, Any]] = bundle["entry"]
        self._places: dict[str, str] = {}
        """By an entry's full URL, where its resource is: `Type/id`."""

    def taken(self) -> list[dict[str, Any]]:
        """Return what became of each entry."""
        found = [self._found(entry) for entry in self._entries]
        for entry, known in zip(self._entries, found, strict=True):
            resource = entry["resource"]
            asked = urlsplit(entry["request"]["url"]).path.partition("/")[2]
            name = known or asked or str(uuid.uuid4())
            self._places[entry["fullUrl"]] = f"{resource['resourceType']}/{name}"
        pairs = zip(self._entries, found, strict=True)
        return [self._write(entry, is_known=known is not None) for entry, known in pairs]

    def _found(self, entry: dict[str, Any]) -> str | None:
        """Return the id of the resource that an entry is about, None where there is none yet."""
        request, kind = entry["request"], entry["resource"]["resourceType"]
        path = urlsplit(request["url"])
        if path.path.partition("/")[0] != kind:
            raise _Refused(400, "invalid")
        if request["method"] == "PUT" and not path.query:
            name = path.path.partition("/")[2]
            rows = self._kept.execute(
                "SELECT DISTINCT id FROM versions WHERE type = ? AND id = ?", (kind, name)
            )
        elif (request["method"] == "PUT") != ("ifNoneExist" in request):
            (wanted,) = parse_qs(path.query or request["ifNoneExist"])["identifier"]
            rows = self._kept.execute(
                "SELECT id FROM identifiers WHERE type = ? AND identifier = ?",
                (kind, _ESCAPED.sub(r"\1", wanted)),
            )
        else:
            raise _Refused(400, "not-supported")
        ids = [row[0] for row in rows]
        if len(ids) > 1:
            raise _Refused(412, "multiple-matches")
        return ids[0] if ids else None

    def _write(self, entry: dict[str, Any], *, is_known: bool) -> dict[str, Any]:
        kind, name = self._places[entry["fullUrl"]].split("/")
        if is_known and entry["request"]["method"] == "POST":
            return {"status": "200 OK", "location": f"{kind}/{name}"}
        resource = self._resolved(entry["resource"]) | {"id": name}
        content = json.dumps(resource, ensure_ascii=False, sort_keys=True)
        before = self._kept.execute(
            "SELECT content FROM versions WHERE type = ? AND id = ? ORDER BY number DESC LIMIT 1",
            (kind, name),
        ).fetchone()
        if before != (content,):
            self._kept.execute(
                "INSERT INTO versions (type, id, content) VALUES (?, ?, ?)", (kind, name, content)
            )
            self._kept.executemany(
                "INSERT OR IGNORE INTO identifiers VALUES (?, ?, ?)",
                [(kind, identifier, name) for identifier in _identifiers(resource)],
            )
        return {"status": "200 OK" if is_known else "201 Created", "location": f"{kind}/{name}"}

    def _resolved(self, value: Any) -> Any:
        """Return a resource whose references name resources of this server."""
        if isinstance(value, dict):
            made = {name: self._resolved(item) for name, item in value.items()}
            if str(made.get("reference", "")).startswith("urn:uuid:"):
                if made["reference"] not in self._places:
                    raise _Refused(400, "not-found")
                made["reference"] = self._places[made["reference"]]
            return made
        return [self._resolved(item) for item in value] if isinstance(value, list) else value


def _identifiers(resource: dict[str, Any]) -> Iterator[str]:
    given = resource.get("identifier", [])
    for identifier in given if isinstance(given, list) else [given]:
        yield f"{identifier.get('system', '')}|{identifier['value']}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, file: str, pause_s: float) -> None:
        self.kept = sqlite3.connect(file, check_same_thread=False)
        self.kept.executescript(_TABLES)
        self.pause_s = pause_s
        self.turn = threading.Lock()
        self.counting = threading.Lock()
        self.under_way = 0
        super().__init__(("127.0.0.1", port), _Handler)

    def take(self, bundle: Any, beside: int) -> list[dict[str, Any]]:
        with self.turn, self.kept:
            taken = _Transaction(self.kept, bundle).taken()
            self.kept.execute(
                "INSERT INTO transactions (bundle, beside) VALUES (?, ?)", (bundle["id"], beside)
            )
        return [{"response": response} for response in taken]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        body = self.rfile.read(length)
        # A sender that is killed leaves half a Bundle.
        if len(body) < length:
            return
        with self.server.counting:
            beside = self.server.under_way
            self.server.under_way += 1
        try:
            self._answer(body, beside)
        finally:
            with self.server.counting:
                self.server.under_way -= 1

    def _answer(self, body: bytes, beside: int) -> None:
        if self.path != BASE:
            self._say(404, _outcome("not-found"))
            return
        try:
            entries = self.server.take(json.loads(body), beside)
        except _Refused as refused:
            self._say(refused.status, _outcome(refused.issue))
            return
        time.sleep(self.server.pause_s)
        response = {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
        self._say(200, response)

    def _say(self, status: int, resource: dict[str, Any]) -> None:
        said = json.dumps(resource).encode()
        try:
            self.send_response(status)
            self.send_header("content-type", "application/fhir+json")
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)
        except OSError:
            # The sender was killed meanwhile.
            return

    def log_message(self, format: str, *arguments: Any) -> None:
        return


def _outcome(code: str) -> dict[str, Any]:
    issue = {"severity": "error", "code": code}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


if __name__ == "__main__":
    _port, _file, _pause_s = sys.argv[1:]
    _Server(int(_port), _file, float(_pause_s)).serve_forever(0.05)
