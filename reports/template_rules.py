"""What a site asks of a report that was begun from a template."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from radraft.reports.report_templates import ReportTemplate


class OpenFields(StrEnum):
    """What becomes of a report in which a field was left open, or a required line is missing."""

    PROHIBIT = "prohibit"
    """It cannot be signed."""
    WARN = "warn"
    SILENT = "silent"
    """It is signed as it stands."""


@dataclass(frozen=True)
class TemplateRules:
    """The template of an examination and what its site asks of open fields."""

    template: ReportTemplate | None = None
    """None where there is none for it."""
    open_fields: OpenFields = OpenFields.PROHIBIT


NO_TEMPLATE = TemplateRules()


@dataclass(frozen=True)
class SiteTemplateRule:
    """How a site works with templates. As made: a reader asks for one by a key."""

    open_fields: OpenFields = OpenFields.PROHIBIT
    begin_reports: bool = False
    """Whether every report begins as its draft merged into the examination's template, or as the
    template where no model drafts it."""


AS_MADE = SiteTemplateRule()
"""What holds where a site set nothing."""
