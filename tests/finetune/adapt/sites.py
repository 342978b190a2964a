"""A hospital that sends and takes adapters, for the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.core.errors import AdapterError
from radraft.core.settings import Settings
from radraft.finetune.adapt import travel
from radraft.llm.adapter import Adapter
from radraft.llm.profiles import Profile
from radraft.store import adapters
from radraft.store.database import Store, open_store

from .world import recipe, tiny_profile

QUICK = recipe(sft={"epochs": 1, "batch": 4, "learning_rate": 0.01}, dpo=None)


class Site:
    """One hospital with its store."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data_dir=folder)
        self.store: Store = open_store(self.settings)

    def brings_in(self, path: Path, profile: Profile | None = None) -> Adapter:
        return travel.bring_in(
            path,
            site="site-b",
            store=self.store,
            settings=self.settings,
            profile=profile or tiny_profile(),
            by="test",
        )

    def refuses(self, path: Path, *codes: str, profile: Profile | None = None) -> AdapterError:
        """With one of the codes, and nothing is left behind."""
        with pytest.raises(AdapterError) as caught:
            self.brings_in(path, profile)
        assert caught.value.code in codes, caught.value.code
        assert self.nothing()
        return caught.value

    def nothing(self) -> bool:
        with self.store.read() as session:
            known = adapters.adapters(session)
        return known == () and adapters_in(self.settings) == []


def adapters_in(settings: Settings) -> list[str]:
    """Folders under the root, those of work in progress included."""
    root = settings.adapters_dir
    return sorted(path.name for path in root.iterdir() if path.is_dir()) if root.exists() else []
