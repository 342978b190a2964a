"""Where a vLLM answers, and small questions about its state."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

import httpx

from radraft.core.errors import DraftingError
from radraft.llm.profiles import Profile
from radraft.llm.wire import warm_up_body

HEALTH_S = 10.0
"""How long `/health` may take: two busy cores are slow, a dead server does not answer at all."""
_TOKENS = re.compile(r"^vllm:(?:prompt|generation)_tokens_total\S* (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Endpoint:
    """One model on one vLLM."""

    url: str
    """Base URL without `/v1`, as `http://127.0.0.1:8000`."""
    key: str = field(repr=False)
    model: str
    """The name vLLM serves the base model under."""

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries; none where vLLM was started without a key."""
        return authorization(self.key)


def authorization(key: str) -> dict[str, str]:
    """The header for an API key. An empty key has none: HTTP has no word for an empty token."""
    return {"authorization": f"Bearer {key}"} if key else {}


class Probe:
    """Asks a vLLM how it is. No answer is an answer here: nothing raises."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def healthy(self) -> bool:
        """Whether `/health` says yes: the server answers and its engine has not died."""
        response = self._send("GET", "/health", HEALTH_S)
        return response is not None and response.status_code == httpx.codes.OK

    def stuck(self, patience: float) -> bool:
        """Whether vLLM wrote nothing for anyone in the `patience` seconds one token was waited
        for."""
        before = self._tokens()
        body = json.dumps({"model": self._endpoint.model, "prompt": ".", "max_tokens": 1})
        if self._send("POST", "/v1/completions", patience, body.encode()) is not None:
            return False
        return before is None or before == self._tokens()

    def warm_up(self, profile: Profile, patience: float) -> bool:
        """Has vLLM compile the report's schema and write one token under it."""
        body = warm_up_body(profile, self._endpoint.model)
        response = self._send("POST", "/v1/chat/completions", patience, body)
        return response is not None and response.status_code == httpx.codes.OK

    def _tokens(self) -> float | None:
        """All tokens read and written so far, over all requests."""
        response = self._send("GET", "/metrics", HEALTH_S)
        return sum(map(float, _TOKENS.findall(response.text))) if response is not None else None

    def _send(
        self, method: str, path: str, patience: float, body: bytes | None = None
    ) -> httpx.Response | None:
        headers = self._endpoint.headers | ({"content-type": "application/json"} if body else {})
        try:
            # No proxy: the server is on this machine.
            with httpx.Client(trust_env=False, timeout=patience) as client:
                url = f"{self._endpoint.url}{path}"
                return client.request(method, url, content=body, headers=headers)
        except httpx.TransportError:
            return None


def served_model(url: str, key: str, wanted: str) -> str:
    """The model to ask for at an external vLLM: `wanted` where it is served under that name, else
    the first one listed. DraftingError `llm_unreachable` or `llm_refused`."""
    try:
        response = httpx.get(f"{url}/v1/models", headers=authorization(key), timeout=HEALTH_S)
    except httpx.TransportError:
        raise DraftingError("llm_unreachable") from None
    if response.status_code != httpx.codes.OK:
        raise DraftingError("llm_refused")
    try:
        models = [str(model["id"]) for model in response.json()["data"]]
        return wanted if wanted in models else models[0]
    except (ValueError, KeyError, TypeError, IndexError):
        raise DraftingError("llm_refused") from None
