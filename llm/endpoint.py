"""Where a vLLM answers, and small questions about its state."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from radraft.core.errors import DraftingError
from radraft.llm.profiles import Profile
from radraft.llm.question import Answer, ask_and_wait, authorization, models
from radraft.llm.wire import warm_up_body

if TYPE_CHECKING:
    from radraft.llm.replicas.router import Replicas

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
    replicas: Replicas | None = field(default=None, repr=False, compare=False)
    """All of them, where it is one of several that serve the same: a draft chooses among them."""

    @property
    def headers(self) -> dict[str, str]:
        """Return what every request carries; nothing where vLLM was started without a key."""
        return authorization(self.key)


class Probe:
    """Asks a vLLM how it is. No answer is an answer here: nothing raises."""

    def __init__(self, endpoint: Endpoint, patience_s: float = HEALTH_S) -> None:
        self._endpoint = endpoint
        self._patience_s = patience_s

    def healthy(self) -> bool:
        """Return whether `/health` says yes: the server answers and its engine has not died."""
        answer = self._ask("GET", "/health", self._patience_s)
        return answer is not None and answer.good

    def stuck(self, patience: float) -> bool:
        """Return whether vLLM wrote nothing for anyone in the `patience` seconds one token was
        waited for."""
        before = self._tokens()
        body = json.dumps({"model": self._endpoint.model, "prompt": ".", "max_tokens": 1})
        if self._ask("POST", "/v1/completions", patience, body.encode()) is not None:
            return False
        return before is None or before == self._tokens()

    def warm_up(self, profile: Profile, patience: float) -> bool:
        """Have vLLM compile the report's schema and write one token under it; return whether it
        did."""
        body = warm_up_body(profile, self._endpoint.model)
        answer = self._ask("POST", "/v1/chat/completions", patience, body)
        return answer is not None and answer.good

    def _tokens(self) -> float | None:
        """Return all tokens read and written so far, over all requests."""
        answer = self._ask("GET", "/metrics", HEALTH_S)
        if answer is None:
            return None
        try:
            return sum(map(float, _TOKENS.findall(answer.body.decode("utf-8", "replace"))))
        except ValueError:
            return None

    def _ask(
        self, method: str, path: str, patience_s: float, body: bytes | None = None
    ) -> Answer | None:
        try:
            return ask_and_wait(
                method,
                f"{self._endpoint.url}{path}",
                key=self._endpoint.key,
                patience_s=patience_s,
                body=body,
            )
        except DraftingError:
            return None


def served_model(url: str, key: str, wanted: str, patience_s: float = HEALTH_S) -> str:
    """Return the model to ask for at an external vLLM: `wanted` where it is served under that name,
    else the first one listed. DraftingError as `question.ask` and `question.models`."""
    names = models(ask_and_wait("GET", f"{url}/v1/models", key=key, patience_s=patience_s))
    return wanted if wanted in names else names[0]
