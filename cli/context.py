"""What most commands open first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radraft.cli.output import Output
from radraft.core import settings as settings_module
from radraft.core.logs import end_log, write_log
from radraft.llm.profiles import Profile, load_profile
from radraft.store.database import Store, open_store

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.store.worklist_filling import Filling


@dataclass(frozen=True)
class Context:
    """Settings, model profile and store of one command."""

    settings: Settings
    profile: Profile
    store: Store


@contextmanager
def opened() -> Iterator[Context]:
    """Settings from the environment, the profile they name, and the open store."""
    settings = settings_module.load()
    profile = load_profile(settings.profile)
    with filling_shown(settings) as show:
        store = open_store(settings, on_filling=show)
    try:
        write_log(settings)
        yield Context(settings, profile, store)
    finally:
        store.close()
        end_log()


@contextmanager
def filling_shown(settings: Settings) -> Iterator[Callable[[Filling], None]]:
    """Yield what shows on stderr, and in the log, how far the worklist is filled: after an upgrade
    of many studies that takes minutes."""
    with ExitStack() as stack:
        moves: list[Callable[[str, float], None]] = []

        def show(filling: Filling) -> None:
            if not moves:
                write_log(settings)
                waiting = Output(json=False).waiting("Filling the worklist 正在建立工作列表")
                moves.append(stack.enter_context(waiting))
            text = f"Filling the worklist 正在建立工作列表 {filling.studies}/{filling.total}"
            moves[0](text, filling.studies / max(1, filling.total))

        yield show
