"""SIGKILL at any moment of a promotion or a roll-back."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.llm.adapter import AdapterState
from radraft.store import adapter_files, adapters
from radraft.store.database import open_store
from tests import children
from tests.llm.adapter_server import adapter_server
from tests.scale import scaled
from tests.store.adapter_builders import SITE

KILLS = scaled(5, full=25)

Served = str | None


def run_and_kill(settings: Settings, folder: Path, chance: random.Random) -> list[Served]:
    """What a child said served after each move; it dies anywhere within its next move or two."""
    return children.killed(
        children.promote_and_roll_back,
        settings,
        str(folder),
        chance=chance,
        most=5,
        within=0.15,
    )


@pytest.mark.slow
@pytest.mark.scaled
def test_a_kill_leaves_what_was_last_confirmed_serving(tmp_path: Path) -> None:
    chance = random.Random(20261122)
    confirmed = 0
    with adapter_server() as vllm:
        endpoint = vllm.endpoint
        settings = Settings(data_dir=tmp_path / "data", llm_url=endpoint.url, llm_key=endpoint.key)
        before: list[Served] = []
        for number in range(KILLS):
            heard = run_and_kill(settings, tmp_path / str(number), chance)
            history = look(settings)
            new = history[len(before) :]
            assert history[: len(before)] == before
            # Every confirmed move is there; of what nobody was told there is at most one.
            assert new[: len(heard)] == heard
            assert len(new) <= len(heard) + 1
            confirmed += len(heard)
            before = history
        assert vllm.calls["/v1/completions"] > KILLS
    assert confirmed > KILLS


def look(settings: Settings) -> list[Served]:
    """What served after each move, by the log, which must agree with what the next start finds."""
    store = open_store(settings)
    history: list[Served] = []
    with store.read() as session:
        states: dict[str, AdapterState] = {}
        for move in adapters.moves(session, site=SITE):
            assert states.get(move.adapter_id) == move.before
            states[move.adapter_id] = move.after
            if move.after is AdapterState.SERVING:
                history.append(move.adapter_id)
            elif move.before is AdapterState.SERVING and move.adapter_id == history[-1]:
                history.append(None)
        known = {adapter.adapter_id: adapter.state for adapter in adapters.adapters(session, SITE)}
        route = adapters.route(session, SITE)
    store.close()
    assert known == states
    serving = [one for one, state in known.items() if state is AdapterState.SERVING]
    assert serving == ([history[-1]] if history and history[-1] else [])
    assert list(known.values()).count(AdapterState.SHADOW) <= 1
    if serving:
        assert route.serving is not None
        assert route.serving.adapter_id == serving[0]
        adapter_files.verified(settings.adapters_dir, route.serving)
    return history
