"""`radraft backfill` in two processes side by side, each killed again and again: every study is
drafted exactly once. The model is a stub at the wire."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from radraft.bench import stub_vllm
from radraft.core.settings import Settings
from radraft.store import backfills
from radraft.store.backfills import BackfillState, ItemState
from radraft.store.database import Store
from radraft.store.tables import BackfillItemRow, BackfillWorkerRow, DraftRow
from tests.backfill_studies import add_past, asked
from tests.processes import Program, until
from tests.scale import scaled
from tests.waiting import machine

pytestmark = [pytest.mark.stress, pytest.mark.slow, pytest.mark.timeout(1800)]

KILLS = scaled(4, full=12)
STUDIES = KILLS * 20
LEASE_S = 3


def drafted(store: Store) -> int:
    with store.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(DraftRow)) or 0


def programs(settings: Settings, root: Path, number: int, model: str) -> list[Program]:
    shared = {
        "objects_url": settings.objects_url or f"file://{settings.data_dir / 'objects'}",
        "llm_url": model,
        "lease_s": str(LEASE_S),
    }
    arguments = ("backfill", "go", str(number), "--at-once", "4")
    if settings.database_url:
        folders = [machine(settings, root, f"machine-{each}") for each in (1, 2)]
        shared["database_url"] = settings.database_url
    else:
        # SQLite is one machine's: two commands in one data folder.
        folders = [settings.data_dir, settings.data_dir]
    return [Program(folder, arguments, shared) for folder in folders]


def test_each_study_is_drafted_once_while_both_commands_are_killed(
    store: Store, store_settings: Settings, tmp_path: Path
) -> None:
    case_ids = add_past(store, range(1, STUDIES + 1))
    number = asked(store, tries=KILLS + 2)
    with ExitStack() as stack:
        model = stack.enter_context(stub_vllm.serving(0.3))
        made = programs(store_settings, tmp_path, number, model.url)
        for program in made:
            stack.callback(program.kill)
            program.start()
        for kill in range(KILLS):
            some = min(STUDIES, drafted(store) + 8)
            until(lambda some=some: drafted(store) >= some)  # type: ignore[misc]
            program = made[kill % 2]
            program.kill()
            program.start()

        def ended() -> bool:
            with store.read() as session:
                return backfills.get(session, number).state is BackfillState.DONE

        until(ended)
        until(lambda: not any(program.is_alive for program in made))
        print(f"{STUDIES} studies, {KILLS} kills, {model.asked - STUDIES} drafts asked for anew")
    with store.read() as session:
        drafts = session.scalars(sa.select(DraftRow.case_id)).all()
        states = set(session.scalars(sa.select(BackfillItemRow.state)))
        assert session.scalars(sa.select(BackfillWorkerRow.owner)).all() == []
    assert Counter(drafts) == Counter(case_ids)
    assert states == {ItemState.DONE.value}
