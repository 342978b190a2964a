"""Which sections reports have: scores of findings alone against findings and impression measure
something else than they seem to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

_APART = 0.1
"""Shares of reports with a section that differ by more are not the same layout."""
_FINDINGS = re.compile(
    r"^[\s#*>【\[（(\d.、]*(?:findings?|(?:影像学?|检查|放射学?|CT|MRI?|X线|超声)?(?:所见|表现)|描述)"
    r"[\s*]*(?:[】\])）:：\-–—]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_IMPRESSION = re.compile(
    r"^[\s#*>【\[（(\d.、]*(?:impressions?|conclusions?|opinion|summary|diagnos[ie]s|"
    r"(?:影像学?|检查|放射学?|CT|MRI?|X线|超声)?(?:诊断|印象|提示|意见|结论)(?:意见|印象)?)"
    r"[\s*]*(?:[】\])）:：\-–—]|$)",
    re.IGNORECASE | re.MULTILINE,
)


class Layout(StrEnum):
    """What of a report is there."""

    BOTH = "both"
    FINDINGS = "findings"
    IMPRESSION = "impression"
    WHOLE = "whole"
    """One text without headings: what it holds cannot be seen."""


def layout(entry: Mapping[str, Any]) -> Layout:
    """Return the layout of a report file's line: by its fields, or the headings in its text."""
    if isinstance(text := entry.get("report"), str):
        return _of(_FINDINGS.search(text) is not None, _IMPRESSION.search(text) is not None)
    return _of(*(bool((entry.get(name) or "").strip()) for name in ("findings", "impression")))


def layout_notes(refs: Mapping[Layout, int], hyps: Mapping[Layout, int]) -> tuple[str, ...]:
    """Return the codes of messages on two files whose reports do not have the same sections."""
    has_findings, has_impression = (
        {Layout.BOTH, Layout.FINDINGS},
        {Layout.BOTH, Layout.IMPRESSION},
    )
    ref_shares, hyp_shares = (
        tuple(_share(layouts, section) for section in (has_findings, has_impression))
        for layouts in (refs, hyps)
    )
    if None not in ref_shares and None not in hyp_shares:
        pairs = zip(ref_shares, hyp_shares, strict=True)
        differ = any(abs((ref or 0.0) - (hyp or 0.0)) > _APART for ref, hyp in pairs)
        return ("eval_sections_differ",) if differ else ()
    known = [share for shares in (ref_shares, hyp_shares) for share in shares if share is not None]
    return ("eval_sections_unknown",) if known and min(known) < 1 - _APART else ()


def _of(findings: bool, impression: bool) -> Layout:
    if findings and impression:
        return Layout.BOTH
    if findings or impression:
        return Layout.FINDINGS if findings else Layout.IMPRESSION
    return Layout.WHOLE


def _share(layouts: Mapping[Layout, int], having: set[Layout]) -> float | None:
    """Return the share of reports that have a section; None where most cannot be told."""
    known = sum(count for found, count in layouts.items() if found is not Layout.WHOLE)
    if 2 * known < sum(layouts.values()) or not known:
        return None
    return sum(layouts.get(found, 0) for found in having) / known
