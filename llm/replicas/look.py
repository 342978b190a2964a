"""One look at one vLLM of several: does it answer, is its base the profile's, has it the adapters
that serve, and does it answer as whom it was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import httpx

from radraft.core.errors import AdapterError, DraftingError, RadraftError
from radraft.llm.endpoint import Endpoint
from radraft.llm.profiles import HubCheckpoint, LocalCheckpoint
from radraft.llm.question import Answer, ModelCard, ask, cards

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.llm.profiles import Profile

LOAD_S = 120.0
"""How long one adapter may take to load, or its first token: both wait for a full batch's step."""


@dataclass(frozen=True)
class Listing:
    """What a vLLM says that it serves."""

    base: ModelCard
    adapters: frozenset[str]
    """Names under which it has an adapter of just that name."""


@dataclass(frozen=True)
class Finding:
    """What a look at a vLLM that can draft found."""

    endpoint: Endpoint
    listing: Listing
    refused: Mapping[str, RadraftError]
    """Adapters that it should have and could not be given, each with why."""


@dataclass(frozen=True)
class Looker:
    """Asks one vLLM."""

    url: str
    key: str = field(repr=False)
    profile: Profile = field(repr=False)
    patience_s: float
    """For each question but those that wait for an adapter."""

    async def look(
        self, client: httpx.AsyncClient, wanted: Mapping[str, Path], *, try_base: bool
    ) -> Finding:
        """Ask after its health and models, and have it load those of `wanted` (name -> folder) that
        it lacks; `try_base` has the base write a token too.

        DraftingError `llm_unreachable`, `llm_no_answer`, `llm_bad_answer`, `llm_refused`,
        `llm_other_base`, `llm_other_model`: then it cannot be asked for anything.
        """
        if not (await self._ask(client, "GET", "/health")).good:
            raise DraftingError("llm_unreachable")
        found = await self.listing(client)
        endpoint = Endpoint(self.url, self.key, found.base.name)
        refused: dict[str, RadraftError] = {}
        for name in sorted(wanted.keys() - found.adapters):
            try:
                found = await self.give(client, name, wanted[name])
            except AdapterError as error:
                refused[name] = error
        if try_base:
            await self.try_out(client, endpoint.model)
        return Finding(endpoint, found, refused)

    async def listing(self, client: httpx.AsyncClient) -> Listing:
        """Return what it serves. DraftingError as `look`."""
        return listing(cards(await self._ask(client, "GET", "/v1/models")), self.profile)

    async def give(self, client: httpx.AsyncClient, name: str, folder: Path) -> Listing:
        """Have it load the adapter in `folder` under `name` where it does not list it, and write a
        token with it; return what it serves then.

        AdapterError `adapter_not_loaded` where it does not; DraftingError as `look`.
        """
        found = await self.listing(client)
        if name not in found.adapters:
            body = {"lora_name": name, "lora_path": str(folder.resolve())}
            # Whether it has it now is asked anew: another process may have given it.
            await self._ask(client, "POST", "/v1/load_lora_adapter", body, LOAD_S)
            found = await self.listing(client)
        if name not in found.adapters:
            raise AdapterError("adapter_not_loaded", adapter=name)
        try:
            await self.try_out(client, name)
        except DraftingError as error:
            if error.code == "llm_refused":
                raise AdapterError("adapter_not_loaded", adapter=name) from None
            raise
        return found

    async def try_out(self, client: httpx.AsyncClient, model: str) -> None:
        """Have `model` write one token. DraftingError `llm_refused` where it cannot,
        `llm_other_model` where the answer names another, and as `look`."""
        body = {"model": model, "prompt": ".", "max_tokens": 1}
        answer = await self._ask(client, "POST", "/v1/completions", body, LOAD_S)
        if not answer.good:
            raise DraftingError("llm_refused")
        told = answer.json()
        if not isinstance(told, dict):
            raise DraftingError("llm_bad_answer")
        if told.get("model", model) != model:
            raise DraftingError("llm_other_model")

    async def _ask(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        patience_s: float | None = None,
    ) -> Answer:
        answer = await ask(
            client,
            method,
            f"{self.url}{path}",
            key=self.key,
            patience_s=patience_s or self.patience_s,
            body=None if body is None else json.dumps(body).encode(),
        )
        if answer.status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise DraftingError("llm_refused")
        return answer


def lookers(settings: Settings, profile: Profile, patience_s: float) -> dict[int, Looker]:
    """Return what asks each of the settings' vLLMs, by its number from 1."""
    key = settings.llm_key.get_secret_value()
    return {
        number: Looker(url, key, profile, patience_s)
        for number, url in enumerate(settings.llm_urls, 1)
    }


def listing(told: tuple[ModelCard, ...], profile: Profile) -> Listing:
    """Return what a vLLM serves that says `told`. DraftingError `llm_other_base` where that is not
    the profile's base model.

    Its name is the profile's, or the checkpoint's as vLLM calls a model by itself. A name can be
    given to anything: where a hub's model is told as loaded, it has to be the profile's.
    """
    checkpoint = profile.checkpoint
    match checkpoint:
        case HubCheckpoint(id=loaded_as) | LocalCheckpoint(path=loaded_as):
            pass
        case _:
            loaded_as = profile.name
    names = {profile.name, loaded_as}
    base = next((card for card in told if card.parent is None and card.name in names), None)
    if base is None:
        raise DraftingError("llm_other_base")
    of_hub = isinstance(checkpoint, HubCheckpoint) and profile.projector is None
    if of_hub and _is_hub_name(base.root) and base.root != loaded_as:
        raise DraftingError("llm_other_base")
    own = frozenset(
        card.name
        for card in told
        if card is not base and (card.root is None or PurePath(card.root).name == card.name)
    )
    return Listing(base, own)


def _is_hub_name(root: str | None) -> bool:
    """Whether `root` names a model of a hub; a folder's path says nothing of what lies there."""
    return root is not None and root.count("/") == 1 and not root.startswith(("/", ".", "~"))
