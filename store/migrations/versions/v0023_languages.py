"""Reports' languages: sites' rules, what machines offered, sentences known in both."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from radraft.store.migrations import append_only

revision = "0023"
down_revision: str | None = "0022"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create the tables. Every site reports in both languages."""
    op.create_table(
        "offered_texts",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("offer_key", sa.String(64), nullable=False),
        sa.Column("sentence_id", sa.String(64), nullable=True),
        sa.Column("lang", sa.String(8), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("source", sa.String(128), nullable=False),
        sa.Column("template_id", sa.Text(), nullable=True),
        sa.Column("template_path", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "offer_key", name="pk_offered_texts"),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name="fk_offered_texts_case_id_cases"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "language_rules",
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("languages", sa.String(16), nullable=False),
        sa.Column("missing_side", sa.String(16), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("by_account", sa.String(64), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("site", "number", name="pk_language_rules"),
        sqlite_with_rowid=False,
    )
    append_only.protect("language_rules", (("site", "number"),))
    op.create_table(
        "reader_languages",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("lang", sa.String(8), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_reader_languages"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.account_id"],
            name="fk_reader_languages_account_id_accounts",
        ),
    )
    op.create_table(
        "sentence_pairs",
        sa.Column("pair_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("zh_key", sa.String(32), nullable=False),
        sa.Column("en_key", sa.String(32), nullable=False),
        sa.Column("zh", sa.Text(), nullable=False),
        sa.Column("en", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pair_id", name="pk_sentence_pairs"),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name="fk_sentence_pairs_case_id_cases"
        ),
    )
    op.create_index("ix_sentence_pairs_case_id", "sentence_pairs", ["case_id"])
    op.create_index("ix_sentence_pairs_zh", "sentence_pairs", ["site", "zh_key", "pair_id"])
    op.create_index("ix_sentence_pairs_en", "sentence_pairs", ["site", "en_key", "pair_id"])
