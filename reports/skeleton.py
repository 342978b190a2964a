"""The empty report a reader writes in where no model drafted."""

from __future__ import annotations

from radraft.reports.values import Report


def skeleton(case_id: str) -> Report:
    """Both sections, no sentence: nothing in it can be mistaken for a drafted statement."""
    return Report(case_id=case_id, findings=(), impression=())
