"""Runs RadEval. A program of its own: RadEval's environment has no radraft in it.

Reads `{"metrics": [...], "refs": [...], "hyps": [...]}` from standard input. Writes one JSON object
to standard output: `{"scores": {metric: {key: value}}, "unavailable": {metric: [code, raised]}}`,
where `code` is `weights_missing` (the weights are not in the cache), `library_broken` (a package of
the environment does not import) or `failed` (anything else: the message could quote a report, so
only its type is said).
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from importlib import import_module
from typing import Any

_NO_WEIGHTS = {"LocalEntryNotFoundError", "OfflineModeIsEnabled", "RepositoryNotFoundError"}
"""What huggingface_hub raises for a file that is neither cached nor to be fetched."""


def main() -> None:
    """Score what standard input says."""
    request = json.load(sys.stdin)
    answer: dict[str, Any] = {"scores": {}, "unavailable": {}}
    # Scorers print; standard output carries the answer alone.
    with contextlib.redirect_stdout(sys.stderr), tempfile.TemporaryDirectory() as scratch:
        # GREEN writes its results into the working directory.
        os.chdir(scratch)
        for metric in request["metrics"]:
            # A metric whose weights or library are missing must not take the others with it.
            try:
                answer["scores"][metric] = score(metric, request["refs"], request["hyps"])
            except Exception as error:  # noqa: BLE001
                answer["unavailable"][metric] = reason(error)
        os.chdir("/")
    json.dump(answer, sys.stdout)


def score(metric: str, refs: list[str], hyps: list[str]) -> dict[str, float]:
    """RadEval's own keys and values of one of its metrics."""
    radeval: Any = import_module("radeval")
    # RadEval 2.2.1 is installed as `radeval` and imports itself as `RadEval` in places.
    sys.modules.setdefault("RadEval", radeval)
    scores = radeval.RadEval(metrics=[metric], show_progress=False)(refs=refs, hyps=hyps)
    return {key: float(value) for key, value in scores.items()}


def reason(error: BaseException) -> tuple[str, str]:
    """Why a metric could not be had, from the chain of what was raised."""
    said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    link: BaseException | None = error
    while link is not None:
        if type(link).__name__ in _NO_WEIGHTS:
            return "weights_missing", said
        if isinstance(link, ImportError) or "binary incompatibility" in str(link):
            return "library_broken", said
        link = link.__cause__ or link.__context__
    return "failed", type(error).__name__


if __name__ == "__main__":
    main()
