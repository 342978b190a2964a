"""A PostgreSQL of the test run's own, on a Unix socket in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


class Cluster:
    """A running cluster; `create` makes databases."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, name: str) -> str:
        """SQLAlchemy URL of database `name`."""
        return f"postgresql+psycopg://postgres@/{name}?host={self._folder}"

    def server(self) -> int:
        """The number of its first process."""
        lines = (self._folder / "data" / "postmaster.pid").read_text().splitlines()
        return int(lines[0])

    def create(self, name: str, template: str = "template1") -> None:
        self._admin(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def drop(self, name: str) -> None:
        self._admin(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _admin(self, command: str) -> None:
        with psycopg.connect(
            host=str(self._folder), user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(command.encode())


@contextmanager
def running_cluster(*, durable: bool = False) -> Iterator[Cluster]:
    """Start a cluster, stop it at the end. As root it runs under the `postgres` account.

    `durable`: it waits for the disk, as a hospital's does.
    """
    folder = Path(tempfile.mkdtemp(prefix="radraft-pg-", dir="/tmp"))
    prefix: list[str] = []
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    data = folder / "data"
    pg_ctl = [*prefix, _program("pg_ctl"), "--pgdata", str(data), "--silent", "--wait"]
    try:
        _run([*prefix, _program("initdb"), "-D", str(data), "-U", "postgres", "-A", "trust",
              "-E", "UTF8", "--locale=C", "--no-sync"])  # fmt: skip
        options = f"-c listen_addresses='' -c unix_socket_directories={folder}"
        options += "" if durable else " -c fsync=off"
        _run([*pg_ctl, "--log", str(folder / "log"), "--options", options, "start"])
        try:
            yield Cluster(folder)
        finally:
            _run([*pg_ctl, "--mode", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = sorted(versions, key=lambda path: int(path.parts[-3]), reverse=True)
    found = str(newest[0]) if newest else shutil.which(name)
    if found is None:
        raise FileNotFoundError(
            f"PostgreSQL's {name} is not installed: apt-get install postgresql, "
            "or leave these tests out with -m 'not postgres'"
        )
    return found


def _run(command: list[str]) -> None:
    # pg_ctl's server would keep a captured pipe open for ever: files only.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", check=False
        )
        output.seek(0)
        said = output.read().decode(errors="replace")
    if done.returncode != 0:
        raise RuntimeError(f"{command} failed: {said}")
