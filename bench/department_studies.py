"""The studies of `bench.department`: made-up patients, written straight into the tables."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from radraft.core.canonical import dumps_plain
from radraft.reports.values import ReportState
from radraft.store.database import Store
from radraft.store.tables import (
    Base,
    CaseQualityRow,
    CaseRow,
    DraftRow,
    NameKeyRow,
    PatientRow,
    ReportRow,
    RevisionRow,
    SignedRow,
    StudyIdentityRow,
    WorklistEntryRow,
)
from radraft.studies import name_search

NOW = datetime.now(UTC)
DAYS = 3 * 365
SITES = 20
OPEN_SHARE = 0.003
"""Of all studies, those that nobody has signed yet: three days' work of three years'."""
AUTHORS = 30
AT_ONCE = 20_000
DRAFTS = 100_000_000
"""The first number of these drafts: those that are really made are counted from 1."""
SURNAMES = {
    "王": 72, "李": 72, "张": 68, "刘": 54, "陈": 45, "杨": 31, "黄": 22, "赵": 21, "吴": 21,
    "周": 21, "徐": 18, "孙": 15, "马": 13, "朱": 13, "胡": 13, "郭": 12, "何": 12, "高": 11,
    "林": 11, "罗": 10, "郑": 9, "梁": 9, "谢": 8, "宋": 8, "唐": 7, "许": 7, "韩": 7, "冯": 6,
    "邓": 6, "曹": 6, "彭": 5, "肖": 5, "田": 5, "董": 5, "袁": 5, "潘": 5, "欧阳": 1,
}  # fmt: skip
"""With how many of a thousand people have them, about."""
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红鹏飞"
    "梅琳波辉斌宇浩欣怡佳雪晨梓涵轩睿思语嘉"
)
MODALITIES = {"CT": 35, "DX": 30, "MR": 18, "CR": 10, "US": 7}
BODY_PARTS = {"CHEST": 45, "ABDOMEN": 20, "HEAD": 15, "SPINE": 8, "KNEE": 6, "HAND": 4, "FOOT": 2}
WRITTEN = next(
    state.value for state in ReportState if state not in ("drafted", "signed", "amended")
)
PHASES = {"drafted": 80, WRITTEN: 10, "failed": 4, "received": 4, "amended": 2}
VERDICTS = {"good": 80, "usable": 17, "poor": 3}


@dataclass(frozen=True)
class MadeName:
    """A made-up name."""

    han: str
    roman: str
    """`Wang^Fang`."""
    value: str
    """As DICOM writes both."""


def made_name(choice: random.Random) -> MadeName:
    """Return a name as common as such names are."""
    family = one_of(choice, SURNAMES)
    given = "".join(choice.choice(GIVEN) for _ in range(1 if choice.random() < 0.15 else 2))
    roman = f"{_spoken(family)}^{_spoken(given)}"
    return MadeName(family + given, roman, f"{roman}={family}^{given}")


def one_of(choice: random.Random, shares: Mapping[str, int]) -> str:
    """Return one of the keys, by its share."""
    return choice.choices(list(shares), list(shares.values()))[0]


def fill(store: Store, studies: int) -> None:
    """Write `studies` studies with all that a worklist, a search and an opening read of them.

    Texts of reports are empty, and nothing of them is linked into the chain of signatures.
    """
    choice = random.Random(7)
    patients = [made_name(choice).value for _ in range(max(1, studies // 3))]
    for first in range(0, len(patients), AT_ONCE):
        _write(store, {PatientRow: [
            {"patient_ref": f"p-{number:016x}", "patient_id": f"BENCH-{number:07}"}
            for number in range(first, min(first + AT_ONCE, len(patients)))
        ]})  # fmt: skip
    names = sorted(set(patients))
    for first in range(0, len(names), AT_ONCE):
        _write(store, {NameKeyRow: [
            {"name": name, "key": key}
            for name in names[first : first + AT_ONCE]
            for key in sorted(name_search.name_keys(name))
        ]})  # fmt: skip
    for first in range(0, studies, AT_ONCE):
        made: dict[type[Base], list[dict[str, Any]]] = {kind: [] for kind in _ORDER}
        for number in range(first, min(first + AT_ONCE, studies)):
            for kind, row in _study(choice, number, studies, patients):
                made[kind].append(row)
        _write(store, made)


def settle(store: Store) -> None:
    """Have PostgreSQL know what its tables hold, as its own daemon sees to within minutes."""
    if store.engine.dialect.name == "postgresql":
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("VACUUM ANALYZE"))


_ORDER: tuple[type[Base], ...] = (
    CaseRow,
    StudyIdentityRow,
    DraftRow,
    ReportRow,
    RevisionRow,
    SignedRow,
    CaseQualityRow,
    WorklistEntryRow,
)
"""What is referred to before what refers to it."""


def _study(
    choice: random.Random, number: int, studies: int, patients: Sequence[str]
) -> Iterator[tuple[type[Base], dict[str, Any]]]:
    """Yield the rows of one study; the newest are not signed yet."""
    case_id = f"c-{number:016x}"
    unsigned = number >= studies * (1 - OPEN_SHARE)
    received = NOW - timedelta(days=DAYS) * (1 - (number + 1) / (studies + 1))
    phase = one_of(choice, PHASES) if unsigned else "signed"
    state = phase if phase in ("failed", "received") else "drafted"
    report = {"drafted": "drafted", "failed": "drafted", "received": ""}.get(phase, phase)
    patient = choice.randrange(len(patients))
    modality, part = one_of(choice, MODALITIES), one_of(choice, BODY_PARTS)
    site = "site-0" if choice.random() < 0.6 else f"site-{choice.randrange(1, SITES)}"
    author = choice.randrange(AUTHORS)
    yield CaseRow, {
        "case_id": case_id, "patient_ref": f"p-{patient:016x}", "site": site,
        "modality": modality, "body_part": part, "view": "frontal", "age_band": "40-64",
        "sex": "F", "history": "", "state": state, "received_at": received, "issues": (),
    }  # fmt: skip
    yield StudyIdentityRow, {
        "case_id": case_id, "study_uid": f"1.2.826.9.{number}",
        "patient_ref": f"p-{patient:016x}", "patient_name": patients[patient],
        "patient_sex": "F", "birth_date": None, "accession": f"ACC{number:08}",
        "study_time": received.replace(tzinfo=None).isoformat(), "description": "",
        "history": "", "age_years": 55, "original_keys": (),
    }  # fmt: skip
    signed, once = phase == "signed", phase in ("signed", "amended")
    written = report not in ("", "drafted")
    if report:
        yield DraftRow, {
            "draft_id": DRAFTS + number, "case_id": case_id, "coverage": "drafted", "content": "{}",
            "request_json": None, "encoder_id": None, "image_ids": (), "created_at": received,
        }  # fmt: skip
        person = f"author {author}" if written else None
        account = f"a-{author:016x}" if written else None
        yield ReportRow, {
            "case_id": case_id, "draft_id": DRAFTS + number, "revision": 1, "state": report,
            "editor": person, "editor_account": account, "saved_at": received,
            "base_version": int(once),
        }  # fmt: skip
        yield RevisionRow, {
            "case_id": case_id, "revision": 1, "content": "{}", "editor": person,
            "editor_account": account, "saved_at": received,
        }  # fmt: skip
    if once:
        yield SignedRow, {
            "case_id": case_id, "version": 1, "content": "{}", "content_sha": f"{number:064x}",
            "signed_at": received,
        }  # fmt: skip
    verdict = one_of(choice, VERDICTS)
    yield CaseQualityRow, {
        "case_id": case_id, "verdict": verdict, "reasons": "[]", "images": "[]", "heads": None,
        "judged_at": received,
    }  # fmt: skip
    yield WorklistEntryRow, {
        "case_id": case_id, "site": site, "modality": modality, "body_part": part,
        "phase": phase, "signed": signed, "once_signed": once, "received_at": received,
        "author": f"author {author}" if written else None,
        "author_account": f"a-{author:016x}" if written else None, "reviewer_account": None,
        "verdict": verdict, "name": patients[patient],
        "number": name_search.number_key(f"BENCH-{patient:07}"),
        "accession": name_search.number_key(f"ACC{number:08}"), "study_date": received.date(),
    }  # fmt: skip


def _write(store: Store, made: Mapping[type[Base], Sequence[Mapping[str, Any]]]) -> None:
    """Write rows in one transaction, as fast as the database takes them."""
    with store.begin() as session:
        connection = session.connection()
        for kind, rows in made.items():
            if not rows:
                continue
            table = kind.__table__
            if connection.dialect.name != "postgresql":
                connection.execute(sa.insert(table), list(rows))  # type: ignore[arg-type]
                continue
            # Lists are JSON there, which the driver is not told.
            columns = ", ".join(f'"{name}"' for name in rows[0])
            cursor = connection.connection.cursor()
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(
                        [dumps_plain(list(v)) if isinstance(v, tuple) else v for v in row.values()]
                    )


@cache
def _spoken(han: str) -> str:
    from pypinyin import Style, lazy_pinyin

    return "".join(lazy_pinyin(han, style=Style.NORMAL)).capitalize()
