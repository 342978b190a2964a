"""Which column of a table is what: a YAML file that a site writes for its own export.

    columns:
      accession: 检查号
      findings: 影像所见
      impression: 诊断意见
    statuses: {已审核: final, 补充: addendum}

docs/archive.md has a whole one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from radraft.core.errors import ArchiveError
from radraft.core.yaml_files import Strict
from radraft.reports.archive.values import PastStatus

_SEXES = {
    **dict.fromkeys(("m", "male", "男", "男性", "1"), "M"),
    **dict.fromkeys(("f", "female", "女", "女性", "2"), "F"),
    **dict.fromkeys(("o", "other", "9"), "O"),
}
"""1, 2 and 9 after GB/T 2261.1."""
_STATUSES = {
    **dict.fromkeys(
        ("f", "final", "signed", "approved", "已审核", "已签发", "审核完成", "已发布", "终审"),
        PastStatus.FINAL,
    ),
    **dict.fromkeys(("c", "corrected", "amended", "更正", "修订", "已修订"), PastStatus.CORRECTED),
    **dict.fromkeys(("a", "addendum", "appended", "补充", "补充报告"), PastStatus.ADDENDUM),
    **dict.fromkeys(
        ("p", "r", "preliminary", "draft", "草稿", "初步", "未审核", "待审核", "书写中"),
        PastStatus.PRELIMINARY,
    ),
    **dict.fromkeys(("x", "w", "cancelled", "canceled", "作废", "取消"), PastStatus.CANCELLED),
}
_TIME = re.compile(
    r"(?P<year>\d{4})\s*[-/.年]?\s*(?P<month>\d{1,2})\s*[-/.月]?\s*(?P<day>\d{1,2})日?"
    r"(?:[T\s]*(?P<hour>\d{1,2})[:时]?(?P<minute>\d{2})分?(?:[:]?(?P<second>\d{2}))?秒?(?:\.\d+)?)?"
    r"(?:\s*(?:Z|[+-]\d{2}:?\d{2}))?"
)
"""Year first, as ISO 8601, DICOM, HL7 and Chinese tables write it; other orders need a format."""


class Columns(Strict):
    """The title of the column of each field; what a table does not have is left out."""

    accession: str = ""
    study_uid: str = ""
    patient_number: str = ""
    patient_name: str = ""
    sex: str = ""
    birth_date: str = ""
    study_time: str = ""
    modality: str = ""
    body_part: str = ""
    findings: str = ""
    impression: str = ""
    text: str = ""
    author: str = ""
    reviewer: str = ""
    reported_at: str = ""
    status: str = ""

    @model_validator(mode="after")
    def _enough(self) -> Columns:
        if not (self.accession or self.study_uid):
            raise ValueError("a table needs a column accession or study_uid")
        if not (self.findings or self.impression or self.text):
            raise ValueError("a table needs a column findings, impression or text")
        return self

    @property
    def titles(self) -> Mapping[str, str]:
        """Return the fields that the table has, each with its column's title."""
        return {name: title for name, title in self.model_dump().items() if title}


class ArchiveMapping(Strict):
    """How a table's rows are read."""

    columns: Columns
    statuses: Mapping[str, PastStatus] = Field(default_factory=dict)
    """The table's words for a status, beside those that are known anyway."""
    sexes: Mapping[str, Literal["M", "F", "O"]] = Field(default_factory=dict)
    """The table's words for a sex: M, F or O."""
    time_format: str = ""
    """As of `datetime.strptime`, where the year does not come first."""
    encoding: str = ""
    """Empty: found out from the file."""
    delimiter: str = ""
    """Empty: found out from its first line."""
    sheet: str = ""
    """Of a workbook; empty: its first."""

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, delimiter: str) -> str:
        if len(delimiter) > 1 or delimiter in {'"', "\n", "\r"}:
            raise ValueError("one character, and no quote")
        return delimiter

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            "".encode(encoding or "utf-8")
        except LookupError:
            raise ValueError("no character set of that name") from None
        return encoding

    def status(self, word: str) -> PastStatus | None:
        """Return the status of that word, final where a row has none; None for an unknown word."""
        plain = word.strip()
        if not plain:
            return PastStatus.FINAL
        return self.statuses.get(plain) or _STATUSES.get(plain.casefold())

    def sex(self, word: str) -> str:
        """Return `M`, `F`, `O`, or empty for any other word."""
        return self.sexes.get(word.strip()) or _SEXES.get(word.strip().casefold(), "")

    def time(self, text: str) -> datetime | None:
        """Return the time that `text` says, without its zone; None where it says none."""
        return time_of(text, self.time_format)


def load_mapping(path: Path) -> ArchiveMapping:
    """Return the mapping of a YAML file. ArchiveError `archive_mapping_missing`,
    `archive_mapping_invalid`."""
    try:
        return ArchiveMapping.from_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise ArchiveError("archive_mapping_missing", file=str(path)) from None
    except ValidationError as error:
        wrong = {".".join(map(str, item["loc"])) or str(item["msg"]) for item in error.errors()}
        fields = ", ".join(sorted(wrong))
    except (yaml.YAMLError, TypeError, ValueError, RecursionError):
        fields = "file"
    raise ArchiveError("archive_mapping_invalid", file=str(path), fields=fields)


def time_of(text: str, form: str = "") -> datetime | None:
    """Return the time that `text` says by `form`, or with the year first; None where it says none.
    Its zone is left out: what it is compared with has the clock of the same house."""
    plain = text.strip()
    if form:
        with suppress(ValueError):
            return datetime.strptime(plain, form).replace(tzinfo=None)
    found = _TIME.fullmatch(plain)
    if found is None:
        return None
    parts = [int(value or 0) for value in found.groupdict().values()]
    with suppress(ValueError):
        return datetime(*parts)  # type: ignore[arg-type]
    return None


def day_of(text: str, form: str = "") -> date | None:
    """Return the day of `time_of`."""
    found = time_of(text, form)
    return None if found is None else found.date()
