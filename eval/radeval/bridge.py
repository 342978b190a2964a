"""Scores of RadEval, had from a process of its environment."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from radraft.core.errors import EvalError
from radraft.eval.values import Pair

_log = logging.getLogger(__name__)
_CHILD = Path(__file__).with_name("child.py")


class RadEvalMetric(StrEnum):
    """Metrics by RadEval's own names. All but the last two need weights that RadEval downloads."""

    RADGRAPH = "radgraph"
    CHEXBERT = "f1chexbert"
    GREEN = "green"
    RATESCORE = "ratescore"
    RADCLIQ = "radcliq"
    BLEU = "bleu"
    ROUGE = "rouge"


CLINICAL = (
    RadEvalMetric.RADGRAPH,
    RadEvalMetric.CHEXBERT,
    RadEvalMetric.GREEN,
    RadEvalMetric.RATESCORE,
    RadEvalMetric.RADCLIQ,
)


@dataclass(frozen=True)
class RadEvalResult:
    """What could be had, and why the rest could not."""

    scores: dict[str, float]
    """By RadEval's own keys (`radgraph_simple`, `f1chexbert_5_micro_f1`, ...) and rounding."""
    unavailable: dict[RadEvalMetric, EvalError]
    """Not raised: `radeval_weights_missing`, `radeval_library_broken`, `radeval_metric_failed`."""


def score_radeval(
    pairs: Sequence[Pair],
    metrics: Sequence[RadEvalMetric] = CLINICAL,
    *,
    python: Path | None,
    weights: Path | None = None,
    timeout_s: float = 3600,
    child: Path = _CHILD,
) -> RadEvalResult:
    """Score English pairs with RadEval's `metrics`.

    `python` is the interpreter of RadEval's environment (None: there is none), `weights` a Hugging
    Face cache folder (HF_HOME) to read from; nothing is downloaded. EvalError:
    `radeval_not_installed`, `radeval_timeout`, `radeval_failed`, `radeval_bad_answer`.
    """
    if python is None:
        raise EvalError("radeval_not_installed")
    request = {
        "metrics": [metric.value for metric in metrics],
        "refs": [pair.ref for pair in pairs],
        "hyps": [pair.hyp for pair in pairs],
    }
    return _answer(_run([str(python), str(child)], json.dumps(request), weights, timeout_s))


def _run(command: list[str], request: str, weights: Path | None, timeout_s: float) -> str:
    # Offline, so that a missing weight fails at once instead of after a row of retries.
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONUTF8": "1",
    }
    if weights is not None:
        environment["HF_HOME"] = str(weights.resolve())
    try:
        done = subprocess.run(
            command,
            input=request,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EvalError("radeval_timeout", seconds=timeout_s) from error
    except OSError as error:
        raise EvalError("radeval_not_installed") from error
    if done.returncode != 0:
        # The name of what was raised, not its message, which could quote a report.
        raised = re.findall(r"^([A-Za-z_.]+)(?::|$)", done.stderr, re.MULTILINE)
        _log.error("RadEval's process ended with %d: %s", done.returncode, raised[-1:])
        raise EvalError("radeval_failed", exit_code=done.returncode)
    return done.stdout


def _answer(text: str) -> RadEvalResult:
    try:
        answer: dict[str, Any] = json.loads(text)
        return RadEvalResult(
            {
                key: float(value)
                for scores in answer["scores"].values()
                for key, value in scores.items()
            },
            {
                RadEvalMetric(name): _reason(name, *why)
                for name, why in answer["unavailable"].items()
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvalError("radeval_bad_answer") from error


def _reason(metric: str, code: str, said: str) -> EvalError:
    if code == "weights_missing":
        return EvalError("radeval_weights_missing", metric=metric)
    if code == "library_broken":
        return EvalError("radeval_library_broken", metric=metric, said=said)
    return EvalError("radeval_metric_failed", metric=metric, said=said)
