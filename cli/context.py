"""What most commands open first."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radraft.core import settings as settings_module
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
        log_to_file(settings)
        yield Context(settings, profile, store)
    finally:
        store.close()


def log_to_file(settings: Settings) -> None:
    """Everything radraft logs goes to `data_dir/logs/radraft.log`; it holds no identity."""
    from logging.handlers import RotatingFileHandler

    folder = settings.data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    logger = logging.getLogger("radraft")
    if logger.handlers:
        return
    handler = RotatingFileHandler(
        folder / "radraft.log", maxBytes=5_000_000, backupCount=3, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
