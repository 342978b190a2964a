"""Clinicians who ask about signed reports at the same time, over HTTP.

    python -m radraft.bench.asking_clinicians [--clinicians 1 50] [--seconds 60] [--every 10]

A real `radraft serve --no-llm` over a store of its own. Each clinician is signed in, has one study
open whose page asks for what is new as the page in a browser does, and asks a question every so
many seconds; half of the studies have two earlier reports of the patient. What is printed: how long
an answer took as he waits for it, by number of clinicians, and the server's processor time: with
the pages' own polls, and of an answer alone, where one clinician asks one thing after another.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import httpx

from radraft.bench.department import Asked, Reader, Server, report
from radraft.bench.department_studies import made_name
from radraft.bench.turns import server_cpu_s
from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.service import Service
from radraft.reports.roles import Role
from radraft.reports.values import Origin, Report, Sentence, both
from radraft.store.database import Store, open_store
from radraft.studies.values import Patient

# Only tests know how to draft without a model, to sign somebody in and to run the program.
from tests.builders import make_draft, signed_in
from tests.reached import serving
from tests.ui import people, seed

POLL_S = 4.0
"""Between the answer to a page's own poll and its next (`ui/assets/signedstudy.js`)."""
QUESTIONS = (
    *("有没有胸腔积液？", "右上叶结节多大？", "结节历次的大小是多少？", "和上次比有变化吗？"),
    *("左肺的结节是什么性质？", "建议复查吗？", "报告是谁写的？", "血型是什么？", "要不要开刀？"),
    *("Is there a pleural effusion?", "How large is the nodule?", "Has the nodule grown?"),
    *("Is the nodule on the left?", "When was this signed?", "What is a nodule?"),
)
LINES = (
    ("右肺上叶见结节，大小约 {size} cm。", "A right upper lobe nodule measures {size} cm."),
    ("双侧肋膈角锐利。", "Both costophrenic angles are sharp."),
    ("未见胸腔积液。", "There is no pleural effusion."),
    ("心影大小正常。", "The heart size is normal."),
)
ADVICE = (("建议 3 个月后复查 CT。", "Follow-up CT in 3 months is recommended."),)
ALONE = 60
"""Questions that one clinician asks one after the other."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--clinicians", type=int, nargs="+", default=[1, 50])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two questions")
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        measure(Path(folder), asked)


def measure(folder: Path, asked: argparse.Namespace) -> None:
    """Sign the studies, serve them, ask."""
    store = open_store(Settings(data_dir=folder / "data"))
    cases = signed_studies(store, folder, max(asked.clinicians))
    secrets = [
        people.session_of(store, f"clinician {number}", (Role.CLINICIAN,))
        for number in range(max(asked.clinicians))
    ]
    store.close()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the server", flush=True)
    with served(folder) as server:
        one_by_one(server, secrets[0], cases)
        for number in asked.clinicians:
            began = server_cpu_s(server.pid)
            told = asyncio.run(
                together(server, secrets[:number], cases[:number], asked.seconds, asked.every)
            )
            spent = server_cpu_s(server.pid) - began
            report(
                f"{number} clinicians, a question every {asked.every:g} s each, {asked.seconds} s, "
                f"load {os.getloadavg()[0]:.1f}, server's memory {server.memory():.0f} MiB",
                told,
            )
            answers = len(told.took["question"])
            print(
                f"  server's processor: {spent / asked.seconds:.2f} cores, the pages' polls among "
                f"it; {1000 * spent / answers:.0f} ms for each answer with its share of them",
                flush=True,
            )


def one_by_one(server: Server, secret: str, cases: Sequence[str]) -> None:
    """Ask one thing after another, without a page's polls, and print what an answer costs."""
    told, spent = asyncio.run(alone(server, secret, cases))
    report(f"one clinician, no page, load {os.getloadavg()[0]:.1f}", told)
    print(f"  server's processor: {1000 * spent / ALONE:.0f} ms an answer", flush=True)


async def alone(server: Server, secret: str, cases: Sequence[str]) -> tuple[Asked, float]:
    """Return how long the answers took, and the server's processor seconds."""
    asked = Asked()
    async with server.client() as client:
        # The first questions have the server read its words.
        warm = Reader(client, secret, Asked(), 0)
        for question in QUESTIONS:
            await ask(warm, cases[0], question)
        began = server_cpu_s(server.pid)
        reader = Reader(client, secret, asked, 1)
        for number in range(ALONE):
            await ask(reader, cases[number % len(cases)], QUESTIONS[number % len(QUESTIONS)])
        return asked, server_cpu_s(server.pid) - began


async def ask(reader: Reader, case_id: str, question: str) -> None:
    """Ask the report."""
    body = {"question": question}
    await reader.ask("question", "POST", f"/api/cases/{case_id}/questions", json=body)


async def together(
    server: Server, secrets: Sequence[str], cases: Sequence[str], seconds: int, every: float
) -> Asked:
    """Many at their pages, each asking every so many seconds on average."""
    asked = Asked()
    ends = time.monotonic() + seconds

    async def page(client: httpx.AsyncClient, secret: str, case_id: str) -> None:
        """The page's own poll: a new view, or 304 where nothing is new."""
        headers = {"Cookie": f"radraft-session={secret}"}
        while time.monotonic() < ends:
            began = time.perf_counter()
            answer = await client.get(f"/api/cases/{case_id}/signed", headers=headers)
            asked.took["page's poll"].append(1000 * (time.perf_counter() - began))
            if answer.status_code == 200:
                headers["If-None-Match"] = answer.headers["ETag"]
            elif answer.status_code != 304:
                asked.refused[f"page's poll: {answer.status_code}"] += 1
            await asyncio.sleep(POLL_S)

    async def questions(reader: Reader, number: int) -> None:
        choice = random.Random(number)
        await asyncio.sleep(every * choice.random())
        while time.monotonic() < ends:
            await ask(reader, cases[number], choice.choice(QUESTIONS))
            await asyncio.sleep(every * choice.uniform(0.5, 1.5))

    async with server.client() as client:
        readers = [Reader(client, secret, asked, n) for n, secret in enumerate(secrets)]
        await asyncio.gather(
            *(questions(reader, number) for number, reader in enumerate(readers)),
            *(page(client, secret, cases[number]) for number, secret in enumerate(secrets)),
        )
    return asked


def signed_studies(store: Store, folder: Path, number: int) -> list[str]:
    """Sign a study for each clinician, and two earlier ones of every second patient; return the
    newest of each."""
    service = Service(store, Settings(data_dir=folder / "data"), load_profile("starter"))
    signer = signed_in(store, "林清")
    choice = random.Random(5)
    newest = []
    for patient_number in range(number):
        born = date(1935, 1, 1) + timedelta(days=choice.randrange(25_000))
        name = made_name(choice).value
        patient = Patient(f"ASKED-{patient_number}", name, born, choice.choice("FM"))
        sizes = ("1.2", "1.8", "2.4") if patient_number % 2 else ("2.4",)
        case_id = ""
        for place, size in enumerate(sizes, start=3 - len(sizes)):
            case_id = seed.add(
                store,
                3 * patient_number + place,
                patient=patient,
                study_time=datetime(2026, 1 + 2 * place, 10, 9, 30),
                drafted=False,
            )
            seed.draft(store, make_draft(case_id, _report(case_id, size)))
            working = service.case_view(case_id).working
            service.signing.sign(
                case_id,
                base_revision=working.revision,
                base_step=working.steps,
                actor=signer,
            )
        newest.append(case_id)
    service.trail.close()
    return newest


def _report(case_id: str, size: str) -> Report:
    findings, advice = (
        tuple(
            Sentence(
                f"{prefix}{line}", both(zh.format(size=size), en.format(size=size), Origin.MODEL)
            )
            for line, (zh, en) in enumerate(texts, start=1)
        )
        for prefix, texts in (("f", LINES), ("i", ADVICE))
    )
    return Report(case_id, findings, advice)


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """Start `radraft serve --no-llm` over `folder`/data, end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with serving(folder, folder / "data", port=port) as program:
        yield Server(program.process, port, 0)


if __name__ == "__main__":
    main()
