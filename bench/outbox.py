"""`make bench-outbox`: signed reports on their way to a PACS, a RIS and a HIS at once.

    python -m radraft.bench.outbox [--reports 1000] [--rounds 3] [--database postgresql|sqlite]

A real `radraft serve` on a database that waits for the disk, three receivers in processes of their
own (`bench.outbox_receivers`), reports of all shapes (`tests.outgoing_reports`; three quarters of
the studies are amended). Three things are measured:

- single signatures at an idle outbox, through the workstation's own route: from the request until
  something of the report came at each receiver, and until it is written down as delivered;
- all reports due at once: reports a minute until the last is written down as delivered, each
  counted at its receiver; in turns with storescu, python-hl7's client and httpx, which send the
  same documents, written out beforehand, over one connection each, side by side;
- both again while one receiver takes connections and never says a word, in turns with it having
  nothing to get.

Processor seconds a report depend least on what else the machine does.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil
from sqlalchemy import func, select, update

from radraft.bench.outbox_receivers import His, Pacs, Receiver, Ris, sending
from radraft.bench.outbox_studies import SITES, SignedStudy, add_drafted, add_signed
from radraft.bench.turns import LEVEL, Cost, ratio, server_cpu_s, t_quantile
from radraft.core.settings import Settings
from radraft.exchange.targets import Target, load_targets
from radraft.pipeline.outbox import Outbox
from radraft.pipeline.outbox_rendering import rendered, renderers
from radraft.reports.export.values import OutgoingStatus
from radraft.reports.outgoing_entry import EntryState, NewEntry, OutgoingForm
from radraft.store import outbox as stored
from radraft.store.database import Store, open_store
from radraft.store.presence import clock
from radraft.store.tables import OutboxRow

# Only tests know how to run a PostgreSQL and `radraft serve`, and to sign somebody in.
from tests import postgres
from tests.outgoing_reports import INSTITUTION
from tests.processes import Program, free_port
from tests.ui import people

GOAL_S, GOAL_A_MINUTE = 1.0, 1000
"""Of signing to bytes on the wire at the 95th percentile; of reports to three receivers."""
TARGETS = """\
targets:
  - {{name: pacs, kind: dicom, address: "127.0.0.1:{pacs}", called_aet: PACS, calling_aet: RADRAFT,
      sites: ["*"], forms: [{forms}]}}
  - {{name: ris, kind: hl7, address: "127.0.0.1:{ris}", sites: ["*"]}}
  - {{name: his, kind: fhir, address: "http://127.0.0.1:{his}/", sites: ["*"]}}
"""
NAMES = ("pacs", "ris", "his")
BLOCK = 20
"""Single signatures between two changes of the silent receiver."""
LOOK_S = 0.05
QUIET_S = 0.4
"""Between two single signatures: what came before has ended."""


@dataclass(frozen=True)
class Sent:
    """What one round did."""

    reports: int
    seconds: Mapping[str, float]
    """By receiver, until the last report for it was written down as delivered."""
    own_cpu_s: float
    """Processor time of radraft."""
    database_cpu_s: float
    """Of PostgreSQL; of SQLite it is in radraft's."""
    receivers_cpu_s: float

    @property
    def whole_s(self) -> float:
        """Until the last report for any of them."""
        return max(self.seconds.values())

    @property
    def a_minute(self) -> float:
        """Reports a minute to all of them."""
        return 60 * self.reports / self.whole_s


@dataclass
class Single:
    """What single signatures took, in seconds, by what was waited for."""

    took: dict[str, list[float]] = field(default_factory=dict)

    def add(self, what: str, seconds: float) -> None:
        """Count one."""
        self.took.setdefault(what, []).append(seconds)


@dataclass(frozen=True)
class Bench:
    """A site whose `radraft serve` delivers."""

    store: Store
    settings: Settings
    targets: tuple[Target, ...]
    receivers: Mapping[str, Receiver]
    program: Program
    database: int | None
    """First process of PostgreSQL."""
    studies: tuple[SignedStudy, ...]

    def cpu_s(self) -> tuple[float, float, float]:
        """Return the processor seconds of radraft, the database and the receivers so far."""
        assert self.program.child is not None
        database = 0.0 if self.database is None else tree_cpu_s(self.database)
        receivers = sum(receiver.cpu_s() for receiver in self.receivers.values())
        return server_cpu_s(self.program.child.pid), database, receivers

    def hold(self) -> None:
        """Have every entry wait as after a restore, as if it had never been tried."""
        with self.store.begin() as session:
            session.execute(
                update(OutboxRow).values(
                    state=EntryState.HELD.value, tries=0, refusals=0, unclear=0, code="",
                    details="{}", ended_at=None, owner=None, beat=0,
                )
            )  # fmt: skip

    def release(self, names: Sequence[str], case_ids: Sequence[str]) -> float:
        """Have the entries of these studies for these receivers sent; return when."""
        with self.store.begin() as session:
            now = clock(session)
            session.execute(
                update(OutboxRow)
                .where(OutboxRow.target.in_(names), OutboxRow.case_id.in_(case_ids))
                .values(state=EntryState.WAITING.value, queued_at=now, due_at=now)
            )
        return now.timestamp()

    def until_sent(self, names: Sequence[str], case_ids: Sequence[str] | None = None) -> None:
        """Wait until nothing waits for these receivers any more, of these studies."""
        open_states = (EntryState.WAITING.value, EntryState.SENDING.value)
        wanted = select(func.count()).where(
            OutboxRow.target.in_(names), OutboxRow.state.in_(open_states)
        )
        if case_ids is not None:
            wanted = wanted.where(OutboxRow.case_id.in_(case_ids))
        while True:
            with self.store.read() as session:
                if not session.scalar(wanted):
                    return
            if not self.program.is_alive:
                raise SystemExit("radraft ended: " + self.program.said()[-2000:])
            time.sleep(LOOK_S)

    def delivered_s(self, name: str, case_ids: Sequence[str]) -> float:
        """Return when the last of these was written down as delivered."""
        wanted = select(func.max(OutboxRow.ended_at)).where(
            OutboxRow.target == name, OutboxRow.case_id.in_(case_ids)
        )
        with self.store.read() as session:
            last = session.scalar(wanted)
        assert last is not None
        return last.timestamp()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--reports", type=int, default=1000, help="that are due at once")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each comparison")
    parser.add_argument("--singles", type=int, default=100, help="signatures one by one")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--forms", default="sr,kos", help="that the PACS gets; pdf is another")
    parser.add_argument("--silent", choices=NAMES, default="ris", help="who says nothing")
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure")
    parser.add_argument(
        "--parts", nargs="+", default=["single", "all", "silent"],
        choices=("single", "all", "silent"),
    )  # fmt: skip
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder, ExitStack() as stack:
        url, server = "", None
        if asked.database == "postgresql":
            cluster = stack.enter_context(postgres.running_cluster(durable=True))
            cluster.create("outbox")
            url, server = cluster.url("outbox"), cluster.server()
        measure(Path(folder), url, server, stack, asked)


def measure(
    folder: Path, url: str, database: int | None, stack: ExitStack, asked: argparse.Namespace
) -> None:
    """Set the site up and measure what was asked for."""
    say(f"{asked.database}, {os.cpu_count()} cores, load {load()}")
    receivers = {
        "pacs": Pacs(folder / "pacs"),
        "ris": Ris(folder / "ris"),
        "his": His(folder / "his"),
    }
    for receiver in receivers.values():
        stack.callback(receiver.stop)
        receiver.start()
    settings = settings_of(folder, url, receivers, asked.forms)
    assert settings.targets is not None
    targets = load_targets(settings.targets)
    store = open_store(settings)
    stack.callback(store.close)
    began = time.perf_counter()
    versions = asked.reports if {"all", "silent"} & set(asked.parts) else 1
    studies = tuple(add_signed(store, Outbox(store, targets), versions))
    singles = [add_drafted(store, number) for number in range(2 * asked.singles + 1)]
    say(f"{versions} signed reports of {len(studies)} studies, {time.perf_counter() - began:.0f} s")
    program = served(folder, settings)
    stack.callback(program.kill)
    bench = Bench(store, settings, targets, receivers, program, database, studies)
    bench.hold()
    start(program)
    if "single" in asked.parts:
        single(bench, singles, asked.singles, asked.silent)
    documents = write_out(bench, folder / "documents")
    if "all" in asked.parts:
        all_at_once(bench, documents, asked.rounds)
    if "silent" in asked.parts:
        beside_silent(bench, asked.silent, asked.rounds)
    if program.end():
        raise SystemExit("radraft did not end well: " + program.said()[-2000:])


def settings_of(folder: Path, url: str, receivers: Mapping[str, Receiver], forms: str) -> Settings:
    """Return the settings of a site with these receivers."""
    ports = {name: receiver.port for name, receiver in receivers.items()}
    targets, institutions = folder / "targets.yaml", folder / "institutions.yaml"
    targets.write_text(TARGETS.format(**ports, forms=forms))
    names = ("name_zh", "name_en", "department_zh", "department_en", "oid")
    lines = [f"{SITES[0]}:", *(f"  {name}: {getattr(INSTITUTION, name)}" for name in names)]
    institutions.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Settings(
        data_dir=folder / "data", database_url=url, targets=targets, institutions=institutions
    )


def served(folder: Path, settings: Settings) -> Program:
    """Return `radraft serve` of that site, not started."""
    told = {
        "database_url": settings.database_url,
        "targets": str(settings.targets),
        "institutions": str(settings.institutions),
        "port": str(free_port()),
    }
    return Program(folder / "data", ("serve", "--no-llm"), told)


def start(program: Program) -> None:
    """Start it and wait until it answers."""
    program.start()
    with httpx.Client(base_url=program.url, trust_env=False, timeout=600) as client:
        while program.is_alive:
            try:
                client.get("/api/session")
                return
            except httpx.TransportError:
                time.sleep(0.1)
    raise SystemExit("radraft serve did not start: " + program.said()[-2000:])


# Single signatures


def single(bench: Bench, case_ids: Sequence[str], count: int, silent: str) -> None:
    """Sign one report after the other, with all receivers and with one that says nothing."""
    secret = people.session_of(bench.store)
    waiting = iter(case_ids)
    beside, whole = Single(), Single()
    others = [name for name in NAMES if name != silent]
    with httpx.Client(
        base_url=bench.program.url,
        headers={"Origin": bench.program.url, "Cookie": f"radraft-session={secret}"},
        trust_env=False,
        timeout=600,
    ) as client:
        # The first study that a server opens has it read its rules.
        sign(bench, client, next(waiting), NAMES, Single())
        loads = [load()]
        for block in range(0, count, BLOCK):
            for _ in range(min(BLOCK, count - block)):
                sign(bench, client, next(waiting), NAMES, whole)
            switch(bench, silent, silent=True)
            for _ in range(min(BLOCK, count - block)):
                sign(bench, client, next(waiting), others, beside)
            switch(bench, silent, silent=False)
            bench.until_sent([silent])
            loads.append(load())
    say(f"\nsingle signatures at an idle outbox, n {count}, load {min(loads)} to {max(loads)}")
    print_single(whole)
    p95 = quantile(whole.took["first byte, all"], 0.95)
    say(f"  goal: first byte at all, p95 under {GOAL_S:g} s: {verdict(p95 < GOAL_S)}")
    say(f"beside a silent {silent}, n {count}, in turns of {BLOCK}")
    print_single(beside)
    for what in [f"first byte, {name}" for name in others]:
        low, middle, high = ratio_of_p95(beside.took[what], whole.took[what])
        say(f"  p95 of {what}, beside a silent {silent} over without: "
            f"{middle:.2f} [{low:.2f}, {high:.2f}] ({LEVEL:.0%}, bootstrap)")  # fmt: skip


def sign(
    bench: Bench, client: httpx.Client, case_id: str, names: Sequence[str], counted: Single
) -> None:
    """Sign a report as it was drafted and wait until it is delivered."""
    working = client.get(f"/api/cases/{case_id}").raise_for_status().json()["working"]
    time.sleep(QUIET_S)
    body = {
        "base_revision": working["revision"],
        "base_step": working["steps"],
        "images_seen": "elsewhere",
    }
    began = time.time()
    client.post(f"/api/cases/{case_id}/sign", json=body).raise_for_status()
    counted.add("signature answered", time.time() - began)
    bench.until_sent(names, [case_id])
    firsts = []
    for name in names:
        arrived = bench.receivers[name].arrivals(began)
        if not arrived:
            raise SystemExit(f"{name} has nothing of a report that is delivered")
        firsts.append(min(arrival.began_s for arrival in arrived) - began)
        counted.add(f"first byte, {name}", firsts[-1])
        counted.add(f"delivered, {name}", bench.delivered_s(name, [case_id]) - began)
    counted.add("first byte, all", max(firsts))
    counted.add("delivered, all", max(counted.took[f"delivered, {name}"][-1] for name in names))


def switch(bench: Bench, name: str, *, silent: bool) -> None:
    """Put a receiver that says nothing in the place of one, or end that."""
    bench.receivers[name].stop()
    bench.receivers[name].start(silent=silent)


def print_single(counted: Single) -> None:
    """Print median and 95th percentile of each, with their intervals."""
    for what in sorted(counted.took):
        told = " ".join(
            f"  p{100 * share:.0f} {quantile(counted.took[what], share):6.3f} s "
            "[{:.3f}, {:.3f}]".format(*quantile_interval(counted.took[what], share))
            for share in (0.5, 0.95)
        )
        say(f"  {what:20} {told}")


# All at once


def write_out(bench: Bench, folder: Path) -> Mapping[str, Counter[str]]:
    """Write each document into its receiver's folder and return their names by receiver."""
    expected: dict[str, Counter[str]] = {name: Counter() for name in NAMES}
    makers = renderers(bench.store, bench.settings)
    targets = {target.name: target for target in bench.targets}
    began, cpu = time.perf_counter(), time.process_time()
    spent: Counter[str] = Counter()
    for name in NAMES:
        (folder / name).mkdir(parents=True)
    for number, what in enumerate(queued(bench)):
        before = time.process_time()
        made = rendered(bench.store, what, targets[what.target], bench.settings, makers)
        spent[what.form] += round(1e6 * (time.process_time() - before))
        if made is not None:
            file = folder / what.target / f"{number:06d}-{made.name}"
            file.write_bytes(made.content)
            expected[what.target][key_of(made.content, what.form)] += 1
    reports = sum(study.versions for study in bench.studies)
    each = ", ".join(f"{form} {cost / 1e3 / reports:.1f}" for form, cost in spent.items())
    say(
        f"\nreading and writing out {reports} reports in one thread: "
        f"{time.perf_counter() - began:.1f} s, processor ms a report "
        f"{1e3 * (time.process_time() - cpu) / reports:.1f} ({each})"
    )
    return expected


def queued(bench: Bench) -> Iterator[NewEntry]:
    """Yield what the outbox has of the signed studies, in its order."""
    case_ids = [study.case_id for study in bench.studies]
    with bench.store.read() as session:
        wanted = select(OutboxRow).where(OutboxRow.case_id.in_(case_ids))
        for row in session.scalars(wanted.order_by(OutboxRow.entry_id)).all():
            yield NewEntry(
                row.target, row.case_id, row.version, row.step,
                OutgoingStatus(row.status), OutgoingForm(row.form),
            )  # fmt: skip


def key_of(content: bytes, form: OutgoingForm) -> str:
    """Return the name that a receiver writes down for a document."""
    if form is OutgoingForm.ORU:
        return content.split(b"\r", 1)[0].split(b"|")[9].decode()
    if form is OutgoingForm.FHIR:
        import json

        return str(json.loads(content)["id"])
    from pydicom import dcmread

    return str(dcmread(io.BytesIO(content), stop_before_pixels=True).SOPInstanceUID)


def all_at_once(bench: Bench, expected: Mapping[str, Counter[str]], rounds: int) -> None:
    """Deliver all, in turns with what sends the same without radraft."""
    folder = Path(bench.settings.data_dir).parent / "documents"
    pairs: list[tuple[Cost, Cost]] = []
    found: list[Sent] = []
    case_ids = [study.case_id for study in bench.studies]
    loads = [load()]
    for number in range(rounds):
        theirs = plainly(bench, folder) if number % 2 else None
        began = time.time()
        sent = deliver(bench, NAMES, case_ids)
        require_once(bench, expected, began)
        theirs = plainly(bench, folder) if theirs is None else theirs
        pairs.append((Cost(sent.whole_s, sent.own_cpu_s, 0.0), Cost(theirs, 0.0, 0.0)))
        found.append(sent)
        loads.append(load())
        each = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in sent.seconds.items())
        say(f"round {number + 1}: {sent.a_minute:.0f} reports/min ({each}); without radraft "
            f"{theirs:.1f} s; load {loads[-1]}")  # fmt: skip
    documents = ", ".join(f"{name} {expected[name].total()}" for name in NAMES)
    say(f"\n{found[0].reports} reports at once to three receivers ({documents} documents), "
        f"each delivered once in every round, load {min(loads)} to {max(loads)}")  # fmt: skip
    rates = [sent.a_minute for sent in found]
    say(f"  reports/min: median {statistics.median(rates):.0f}, {interval(rates)}; goal "
        f"{GOAL_A_MINUTE}: {verdict(statistics.median(rates) >= GOAL_A_MINUTE)}")  # fmt: skip
    for what, seconds in (
        ("radraft", [sent.own_cpu_s for sent in found]),
        ("database", [sent.database_cpu_s for sent in found]),
        ("receivers", [sent.receivers_cpu_s for sent in found]),
    ):
        spent = [1e3 * cost / sent.reports for cost, sent in zip(seconds, found, strict=True)]
        say(f"  processor ms a report, {what}: median {statistics.median(spent):.1f}, "
            f"{interval(spent)}")  # fmt: skip
    if rounds > 1:
        say(f"  storescu, python-hl7 and httpx with written documents take of our time: "
            f"{ratio(pairs)}")  # fmt: skip


def deliver(bench: Bench, names: Sequence[str], case_ids: Sequence[str]) -> Sent:
    """Have the reports of these studies sent to these receivers, and wait until they are."""
    bench.hold()
    before = bench.cpu_s()
    began = bench.release(names, case_ids)
    bench.until_sent(names)
    own, database, receivers = (now - then for now, then in zip(bench.cpu_s(), before, strict=True))
    seconds = {name: bench.delivered_s(name, case_ids) - began for name in names}
    wanted = frozenset(case_ids)
    reports = sum(study.versions for study in bench.studies if study.case_id in wanted)
    return Sent(reports, seconds, own, database, receivers)


def require_once(bench: Bench, expected: Mapping[str, Counter[str]], since_s: float) -> None:
    """End the run where a receiver did not get each document exactly once."""
    with bench.store.read() as session:
        dead = stored.entries(session, states=[EntryState.DEAD])
    if dead:
        raise SystemExit(f"{len(dead)} entries are dead: {dead[0].code}")
    for name in NAMES:
        came = Counter(arrival.key for arrival in bench.receivers[name].arrivals(since_s))
        if came != expected[name]:
            missing, over = expected[name] - came, came - expected[name]
            raise SystemExit(f"{name}: {missing.total()} missing, {over.total()} too many")


def plainly(bench: Bench, folder: Path) -> float:
    """Send the written documents without radraft; return the seconds until the last is taken."""
    kinds = {"pacs": "dicom", "ris": "hl7", "his": "fhir"}
    began = time.perf_counter()
    running = [
        subprocess.Popen(
            sending(kind, bench.receivers[name].port, folder / name), stdout=subprocess.DEVNULL
        )
        for name, kind in kinds.items()
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        raise SystemExit(f"sending without radraft failed: {codes}")
    return time.perf_counter() - began


def beside_silent(bench: Bench, silent: str, rounds: int) -> None:
    """Deliver to the others, in turns with one silent and with nothing to get for it."""
    others = [name for name in NAMES if name != silent]
    case_ids = [study.case_id for study in bench.studies]
    pairs: list[tuple[Cost, Cost]] = []
    loads = [load()]

    def alone() -> Sent:
        return deliver(bench, others, case_ids)

    def beside() -> Sent:
        switch(bench, silent, silent=True)
        bench.hold()
        bench.release([silent], case_ids)
        # Its lanes are taken before the others' reports are due.
        time.sleep(1.0)
        began = bench.release(others, case_ids)
        bench.until_sent(others)
        seconds = {name: bench.delivered_s(name, case_ids) - began for name in others}
        back = time.time()
        switch(bench, silent, silent=False)
        bench.until_sent([silent])
        say(f"  silent {silent} is back: all that waited delivered in "
            f"{bench.delivered_s(silent, case_ids) - back:.1f} s")  # fmt: skip
        return Sent(sum(study.versions for study in bench.studies), seconds, 0.0, 0.0, 0.0)

    for number in range(rounds):
        steps: list[Callable[[], Sent]] = [alone, beside] if number % 2 == 0 else [beside, alone]
        made = {step: step() for step in steps}
        pairs.append((Cost(made[beside].whole_s, 0.0, 0.0), Cost(made[alone].whole_s, 0.0, 0.0)))
        loads.append(load())
        say(f"round {number + 1}: {' and '.join(others)} alone {made[alone].a_minute:.0f} "
            f"reports/min, beside a silent {silent} {made[beside].a_minute:.0f}; load {loads[-1]}")  # fmt: skip  # noqa: E501
    if rounds > 1:
        say(f"reports/min of the others, beside a silent {silent} over without it: {ratio(pairs)}, "
            f"load {min(loads)} to {max(loads)}")  # fmt: skip


# Figures


def tree_cpu_s(pid: int) -> float:
    """Return the processor seconds of a process and its children, those that ended among them."""
    own = psutil.Process(pid).cpu_times()
    return server_cpu_s(pid) + float(own.children_user + own.children_system)


def load() -> float:
    """Return the machine's load, of the last minute."""
    return round(os.getloadavg()[0], 1)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the quantile of values."""
    return float(np.quantile(values, share))


def quantile_interval(values: Sequence[float], share: float) -> tuple[float, float]:
    """Return the interval of a quantile at `LEVEL`, by bootstrap."""
    drawn = np.random.default_rng(4711).choice(np.asarray(values), (4000, len(values)))
    low, high = np.quantile(np.quantile(drawn, share, axis=1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def ratio_of_p95(over: Sequence[float], under: Sequence[float]) -> tuple[float, float, float]:
    """Return the ratio of two 95th percentiles between its interval's ends, by bootstrap."""
    random = np.random.default_rng(4711)
    drawn = [
        np.quantile(random.choice(np.asarray(values), (4000, len(values))), 0.95, axis=1)
        for values in (over, under)
    ]
    low, high = np.quantile(drawn[0] / drawn[1], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), quantile(over, 0.95) / quantile(under, 0.95), float(high)


def interval(values: Sequence[float]) -> str:
    """Return the interval of the mean in words."""
    if len(values) < 2:
        return "one round"
    half = t_quantile((1 + LEVEL) / 2, len(values) - 1) * statistics.stdev(values)
    half /= math.sqrt(len(values))
    middle = statistics.fmean(values)
    return (
        f"mean {middle:.0f} [{middle - half:.0f}, {middle + half:.0f}] ({LEVEL:.0%}, t, "
        f"{len(values)} rounds)"
    )


def verdict(reached: bool) -> str:
    """Return the word for it."""
    return "reached" if reached else "missed"


def say(line: str) -> None:
    """Print at once."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
