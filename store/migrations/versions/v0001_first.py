"""All tables, and the triggers that keep signed versions, pairs and revisions as written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from radraft.store.migrations import append_only

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

# Primary key and unique columns by which a new row could take an old one's place.
IMMUTABLE: dict[str, tuple[tuple[str, ...], ...]] = {
    "signed_reports": (("case_id", "version"), ("content_sha",)),
    "training_pairs": (("pair_id",),),
    "report_revisions": (("case_id", "revision"),),
}


def upgrade() -> None:
    """Create everything."""
    _identity()
    _cases()
    _reports()
    _signed()
    append_only.prepare()
    for table, keys in IMMUTABLE.items():
        append_only.protect(table, keys)


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def _short(name: str, length: int, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=null)


def _integer(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=null, autoincrement=False)


def _serial(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _case(table: str) -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    key = sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=f"fk_{table}_case_id_cases")
    return _short("case_id", 64), key


def _identity() -> None:
    op.create_table(
        "site",
        _integer("id"),
        _text("secret_check"),
        sa.PrimaryKeyConstraint("id", name="pk_site"),
    )
    op.create_table(
        "patients",
        _short("patient_ref", 64),
        _text("patient_id"),
        sa.PrimaryKeyConstraint("patient_ref", name="pk_patients"),
    )


def _cases() -> None:
    op.create_table(
        "cases",
        _short("case_id", 64),
        _short("patient_ref", 64),
        *(_text(name) for name in ("site", "modality", "body_part", "view", "age_band", "sex")),
        _text("history"),
        _short("state", 16),
        _instant("received_at"),
        _text("issues"),
        sa.PrimaryKeyConstraint("case_id", name="pk_cases"),
    )
    op.create_index("ix_cases_state_received_at", "cases", ["state", "received_at"])
    op.create_index("ix_cases_patient_ref", "cases", ["patient_ref"])
    op.create_table(
        "study_identities",
        *_case("study_identities"),
        _text("study_uid"),
        _short("patient_ref", 64),
        _text("patient_name"),
        _text("patient_sex"),
        sa.Column("birth_date", sa.Date(), nullable=True),
        _text("accession"),
        _text("study_time", null=True),
        _text("description"),
        _text("history"),
        _integer("age_years", null=True),
        _text("original_keys"),
        sa.PrimaryKeyConstraint("case_id", name="pk_study_identities"),
        sa.UniqueConstraint("study_uid", name="uq_study_identities_study_uid"),
        sa.ForeignKeyConstraint(
            ["patient_ref"],
            ["patients.patient_ref"],
            name="fk_study_identities_patient_ref_patients",
        ),
    )
    op.create_index("ix_study_identities_patient_ref", "study_identities", ["patient_ref"])
    op.create_table(
        "key_images",
        *_case("key_images"),
        _integer("position"),
        _short("image_id", 64),
        _text("instance_ref"),
        *(_integer(name) for name in ("frame", "rows", "columns")),
        *(
            sa.Column(name, sa.Double(), nullable=False)
            for name in ("window_centre", "window_width", "score")
        ),
        sa.PrimaryKeyConstraint("case_id", "position", name="pk_key_images"),
    )


def _reports() -> None:
    op.create_table(
        "drafts",
        _serial("draft_id"),
        *_case("drafts"),
        _short("coverage", 16),
        _text("content"),
        _text("request_json", null=True),
        _text("encoder_id", null=True),
        _text("image_ids"),
        _instant("created_at"),
        sa.PrimaryKeyConstraint("draft_id", name="pk_drafts"),
    )
    op.create_index("ix_drafts_case_id", "drafts", ["case_id"])
    op.create_table(
        "reports",
        *_case("reports"),
        _integer("draft_id"),
        _integer("revision"),
        _short("state", 16),
        _text("editor", null=True),
        _instant("saved_at"),
        _integer("base_version"),
        sa.PrimaryKeyConstraint("case_id", name="pk_reports"),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["drafts.draft_id"], name="fk_reports_draft_id_drafts"
        ),
    )
    op.create_table(
        "report_revisions",
        *_case("report_revisions"),
        _integer("revision"),
        _text("content"),
        _text("editor", null=True),
        _instant("saved_at"),
        sa.PrimaryKeyConstraint("case_id", "revision", name="pk_report_revisions"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "turns",
        _serial("turn_id"),
        *_case("turns"),
        _text("question"),
        _text("answer"),
        _short("lang", 8),
        _text("citations"),
        sa.Column("refused", sa.Boolean(), nullable=False),
        _text("asked_by"),
        _instant("asked_at"),
        sa.PrimaryKeyConstraint("turn_id", name="pk_turns"),
    )
    op.create_index("ix_turns_case_id", "turns", ["case_id"])


def _signed() -> None:
    op.create_table(
        "signed_reports",
        *_case("signed_reports"),
        _integer("version"),
        _text("content"),
        _short("content_sha", 64),
        _instant("signed_at"),
        sa.PrimaryKeyConstraint("case_id", "version", name="pk_signed_reports"),
        sa.UniqueConstraint("content_sha", name="uq_signed_reports_content_sha"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "training_pairs",
        _short("pair_id", 64),
        _short("case_id", 64),
        _integer("version"),
        _text("site"),
        _text("request"),
        _short("request_sha", 64, null=True),
        _short("template_sha", 64, null=True),
        _text("image_ids"),
        _text("encoder_id", null=True),
        _text("draft"),
        _text("stats"),
        _short("split", 16),
        sa.PrimaryKeyConstraint("pair_id", name="pk_training_pairs"),
        sa.ForeignKeyConstraint(
            ["case_id", "version"],
            ["signed_reports.case_id", "signed_reports.version"],
            name="fk_training_pairs_case_id_signed_reports",
        ),
        sqlite_with_rowid=False,
    )
