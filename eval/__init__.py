"""Evaluation: metrics over drafts and signed reports, and the harness that drafts a set.

What is named here is for others to build on (docs/eval-python.md); it needs the extra `eval`. `run`
and `score` are what `radraft eval` calls; `text` and `clinical` score, `looks` asks whether a model
looks at its image.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radraft.eval.api import (
        as_frame,
        compare_results,
        compute,
        load_result,
        per_report_frame,
        read_reports,
        save_result,
        score_reports,
    )

__all__ = [
    "as_frame",
    "compare_results",
    "compute",
    "load_result",
    "per_report_frame",
    "read_reports",
    "save_result",
    "score_reports",
]


def __getattr__(name: str) -> Any:
    # Modules of this package are imported by commands that must start without numpy.
    if name in __all__:
        from radraft.eval import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
