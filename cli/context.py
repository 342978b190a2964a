"""What most commands open first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radraft.core import settings as settings_module
from radraft.core.logs import end_log, write_log
from radraft.llm.profiles import Profile, load_profile
from radraft.store.database import Store, open_store

if TYPE_CHECKING:
    from radraft.core.settings import Settings


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
    store = open_store(settings)
    try:
        write_log(settings)
        yield Context(settings, profile, store)
    finally:
        store.close()
        end_log()
