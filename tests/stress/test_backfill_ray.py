"""A backfill on two nodes of a Ray cluster, each in a network namespace of its own, of which one is
killed with all its processes: every study is drafted exactly once.

The model is a stub at the wire, one on each node; PostgreSQL is one, reached by its socket.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa

from radraft.bench.stub_replica import KEY
from radraft.core.settings import Settings
from radraft.store import backfills
from radraft.store.backfills import BackfillState, ItemState
from radraft.store.database import Store, open_store
from radraft.store.tables import BackfillItemRow, DraftRow
from tests.backfill_studies import add_past, asked
from tests.postgres import Cluster
from tests.processes import COMMAND, PROFILE, until
from tests.scale import scaled
from tests.waiting import machine

pytestmark = [
    pytest.mark.stress, pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(1800),
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray (extra `ray`) is not installed"),
    pytest.mark.skipif(shutil.which("ip") is None, reason="ip (iproute2) is not installed"),
]  # fmt: skip

STUDIES = int(os.environ.get("RADRAFT_TEST_RAY_STUDIES", scaled(300, full=2000)))
HEAD, OTHER = "10.97.0.1", "10.97.0.2"
PORT, MODEL_PORT = 6379, 8001
LEASE_S = 5


class Node:
    """A machine of its own, as far as its network goes."""

    def __init__(self, name: str, address: str, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.address = address
        self.environment = {**os.environ, **environment}
        self.log = log
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a process there."""
        with self.log.open("ab") as out:
            started = subprocess.Popen(
                ("ip", "netns", "exec", self.name, *command),
                env=self.environment,
                stdout=out,
                stderr=out,
            )
        self._started.append(started)
        return started

    def ray(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Ray's processes there."""
        return self.start(
            sys.executable, "-m", "ray.scripts.scripts", "start", *arguments, "--num-cpus=1",
            f"--node-ip-address={self.address}", "--object-store-memory=80000000",
            "--disable-usage-stats", "--block",
        )  # fmt: skip

    def kill(self) -> int:
        """End all that runs there by SIGKILL; how many processes that were."""
        found = subprocess.run(
            ("ip", "netns", "pids", self.name), capture_output=True, text=True, check=False
        )
        for pid in found.stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), 9)
        for started in self._started:
            started.wait()
        return len(found.stdout.split())


@contextmanager
def cable(first: str, second: str) -> Iterator[None]:
    """Two network namespaces with a cable between them."""
    made = subprocess.run(("ip", "netns", "add", first), capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"no network namespace: {made.stderr.decode().strip()}")
    try:
        ip("netns", "add", second)
        try:
            ip("link", "add", "eth0", "netns", first, "type", "veth",
               "peer", "name", "eth0", "netns", second)  # fmt: skip
            for name, address in ((first, HEAD), (second, OTHER)):
                ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
                for device in ("lo", "eth0"):
                    ip("-n", name, "link", "set", device, "up")
            yield
        finally:
            ip("netns", "delete", second)
    finally:
        ip("netns", "delete", first)


def ip(*arguments: str) -> None:
    subprocess.run(("ip", *arguments), check=True)


@pytest.fixture
def settings(cluster: Cluster, migrated: tuple[str, Path], tmp_path: Path) -> Iterator[Settings]:
    template, made_with = migrated
    cluster.create("ray", template)
    folder = tmp_path / "first"
    folder.mkdir()
    shutil.copy(made_with / "site.secret", folder)
    objects = f"file://{tmp_path / 'objects'}"
    yield Settings(data_dir=folder, database_url=cluster.url("ray"), objects_url=objects)
    cluster.drop("ray")


def environment(settings: Settings, folder: Path, temporary: str) -> dict[str, str]:
    return {
        "RADRAFT_DATA_DIR": str(folder),
        "RADRAFT_DATABASE_URL": settings.database_url,
        "RADRAFT_OBJECTS_URL": settings.objects_url,
        "RADRAFT_PROFILE": PROFILE,
        "RADRAFT_LLM_URL": f"http://127.0.0.1:{MODEL_PORT}",
        "RADRAFT_LLM_KEY": KEY,
        "RADRAFT_LEASE_S": str(LEASE_S),
        "RAY_TMPDIR": temporary,
        # By itself 15, which on a busy machine is not at all.
        "RAY_worker_niceness": "0",
    }


def drafted(store: Store) -> int:
    with store.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(DraftRow)) or 0


def owners(store: Store, number: int) -> set[str]:
    """Whoever has studies in work now."""
    with store.read() as session:
        return set(
            session.scalars(
                sa.select(BackfillItemRow.owner).where(
                    BackfillItemRow.number == number, BackfillItemRow.owner.is_not(None)
                )
            )
        )


def test_two_nodes_of_which_one_is_killed_draft_each_study_once(
    settings: Settings, tmp_path: Path
) -> None:
    names = [f"radraft-{os.getpid()}-{letter}" for letter in "ab"]
    with ExitStack() as stack:
        store = open_store(settings)
        stack.callback(store.close)
        temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="r", dir="/tmp"))
        stack.enter_context(cable(*names))
        nodes = [
            Node(
                name, address,
                environment(settings, machine(settings, tmp_path, name), temporary),
                tmp_path / f"{name}.log",
            )
            for name, address in zip(names, (HEAD, OTHER), strict=True)
        ]  # fmt: skip
        head, other = nodes
        for node in nodes:
            stack.callback(node.kill)
            node.start(
                sys.executable, "-m", "radraft.bench.stub_replica", str(MODEL_PORT), "1", "0.05"
            )
        head.ray("--head", f"--port={PORT}", "--include-dashboard=false",
                 f"--temp-dir={temporary}")  # fmt: skip
        case_ids = add_past(store, range(1, STUDIES + 1))
        number = asked(store, tries=3)
        other.ray(f"--address={HEAD}:{PORT}")
        command = head.start(
            *COMMAND, "backfill", "go", str(number), "--at-once", "8", "--ray", f"{HEAD}:{PORT}"
        )
        until(lambda: len(owners(store, number)) == 2, alive=lambda: command.poll() is None)
        until(lambda: drafted(store) > STUDIES // 4)
        before, at = owners(store, number), drafted(store)
        killed = other.kill()

        def ended() -> bool:
            with store.read() as session:
                return backfills.get(session, number).state is BackfillState.DONE

        until(ended, alive=lambda: command.poll() is None or ended())
        assert command.wait(120) == 0, head.log.read_text()
        print(
            f"{STUDIES} studies, {killed} processes of one of two nodes killed after {at} drafts, "
            f"{len(before)} processes had studies in work"
        )
        with store.read() as session:
            drafts = session.scalars(sa.select(DraftRow.case_id)).all()
            states = set(session.scalars(sa.select(BackfillItemRow.state)))
        assert Counter(drafts) == Counter(case_ids)
        assert states == {ItemState.DONE.value}
