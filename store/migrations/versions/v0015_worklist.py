"""The worklist: what each study is listed, ordered and found by, kept by triggers; saved views."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision: str | None = "0014"
branch_labels: str | None = None
depends_on: str | None = None

_BYTES = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
_INSTANT = sa.DateTime(timezone=True)
_ORDERED = {
    "order": (),
    "site": ("site",),
    "modality": ("modality",),
    "body_part": ("body_part",),
    "verdict": ("verdict",),
    "author": ("author_account",),
    "reviewer": ("reviewer_account",),
}
_COUNTED = ["site", "modality", "body_part", "phase", "once_signed", "verdict"]
_OF_CASE = (
    "UPDATE worklist_entries SET site = NEW.site, modality = substr(NEW.modality, 1, 64), "
    "body_part = substr(NEW.body_part, 1, 64), received_at = NEW.received_at, "
    "phase = COALESCE((SELECT r.state FROM reports r "
    "WHERE r.case_id = NEW.case_id AND r.state <> 'drafted'), NEW.state) "
    "WHERE case_id = NEW.case_id;"
)
_OF_REPORT = (
    "UPDATE worklist_entries SET phase = CASE WHEN NEW.state <> 'drafted' THEN NEW.state "
    "ELSE (SELECT c.state FROM cases c WHERE c.case_id = NEW.case_id) END, "
    "signed = (NEW.state = 'signed'), author = COALESCE(NEW.editor, author), "
    "author_account = CASE WHEN NEW.editor IS NULL THEN author_account "
    "ELSE NEW.editor_account END WHERE case_id = NEW.case_id;"
)
_OF_SIGNATURE = (
    "UPDATE worklist_entries SET once_signed = (1 = 1) WHERE case_id = NEW.case_id "
    "AND once_signed <> (1 = 1);"
)
_OF_QUALITY = "UPDATE worklist_entries SET verdict = NEW.verdict WHERE case_id = NEW.case_id;"
TRIGGERS = {
    "worklist_case": (
        "UPDATE OF state, site, modality, body_part, received_at",
        "cases",
        _OF_CASE,
    ),
    "worklist_report_begun": ("INSERT", "reports", _OF_REPORT),
    "worklist_report": ("UPDATE OF state, editor, editor_account", "reports", _OF_REPORT),
    "worklist_signature": ("INSERT", "signed_reports", _OF_SIGNATURE),
    "worklist_quality": ("INSERT", "case_quality", _OF_QUALITY),
}
"""By name: after what, on which table, and what is then done."""


def upgrade() -> None:
    """Create the tables and the triggers; `worklist_entries.fill` lists what was there before."""
    op.create_table(
        "worklist_entries",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("modality", sa.Text(), nullable=False),
        sa.Column("body_part", sa.Text(), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("signed", sa.Boolean(), nullable=False),
        sa.Column("once_signed", sa.Boolean(), nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("author_account", sa.String(64), nullable=True),
        sa.Column("reviewer_account", sa.String(64), nullable=True),
        sa.Column("verdict", sa.String(16), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", _BYTES, nullable=False),
        sa.Column("accession", _BYTES, nullable=False),
        sa.Column("study_date", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("case_id", name="pk_worklist_entries"),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name="fk_worklist_entries_case_id_cases"
        ),
    )
    for name, first in _ORDERED.items():
        columns = [*first, "signed", "received_at", "case_id"]
        op.create_index(f"ix_worklist_entries_{name}", "worklist_entries", columns)
    op.create_index("ix_worklist_entries_counted", "worklist_entries", _COUNTED)
    of_name = ["name", "phase", "site", "once_signed"]
    op.create_index("ix_worklist_entries_name", "worklist_entries", of_name)
    for column in ("number", "accession", "study_date"):
        op.create_index(f"ix_worklist_entries_{column}", "worklist_entries", [column])
    op.create_table(
        "name_keys",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", _BYTES, nullable=False),
        sa.PrimaryKeyConstraint("name", "key", name="pk_name_keys"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_name_keys_key", "name_keys", ["key", "name"])
    op.create_table(
        "worklist_views",
        sa.Column("view_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("saved_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("view_id", name="pk_worklist_views"),
        sa.UniqueConstraint("account_id", "name", name="uq_worklist_views_account_id"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name="fk_worklist_views_account_id_accounts"
        ),
    )
    for name, (when, table, action) in TRIGGERS.items():
        _add_trigger(name, when, table, action)


def _add_trigger(name: str, when: str, table: str, action: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {action} RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {name} AFTER {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
        )
    else:
        op.execute(f"CREATE TRIGGER {name} AFTER {when} ON {table} BEGIN {action} END")
