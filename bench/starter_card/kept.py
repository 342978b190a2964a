"""The one file that holds the starter's figures, stage by stage."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from radraft.core import canonical
from radraft.core.errors import EvalError
from radraft.eval.cache import metrics_sha

FORMAT = "radraft-starter-1"


@dataclass(frozen=True)
class Kept:
    """The file, and what it may be reused for."""

    path: Path

    def read(self) -> dict[str, Any]:
        """All stages by name. EvalError `eval_starter_unreadable` where the file is no result."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError):
            raise EvalError("eval_starter_unreadable", file=str(self.path)) from None
        try:
            value = json.loads(text)
            if value["format"] != FORMAT:
                raise ValueError
            return dict(value["stages"])
        except (ValueError, KeyError, TypeError):
            raise EvalError("eval_starter_unreadable", file=str(self.path)) from None

    def stage(
        self, name: str, inputs: Mapping[str, Any], compute: Callable[[], Any]
    ) -> dict[str, Any]:
        """The stage as it is kept, computed first where it is not there or of other inputs."""
        sha = canonical.sha256({"inputs": dict(inputs), "metrics": metrics_sha()})
        stages = self.read()
        if stages.get(name, {}).get("inputs_sha") == sha:
            return dict(stages[name])
        found = {
            "inputs_sha": sha,
            "made": datetime.now(UTC).date().isoformat(),
            "values": compute(),
        }
        self.put(name, found)
        return found

    def put(self, name: str, value: Mapping[str, Any]) -> None:
        """Keeps one stage beside the others."""
        stages = {**self.read(), name: dict(value)}
        text = json.dumps(
            {"format": FORMAT, "stages": stages},
            ensure_ascii=False,
            sort_keys=True,
            indent=1,
            allow_nan=False,
        )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(self.path)
