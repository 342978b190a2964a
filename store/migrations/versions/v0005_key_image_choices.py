"""Key images that a reader chose, and the images there are to choose from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from radraft.store.migrations import append_only

revision = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create the tables and the column."""
    name = sa.Column("window_name", sa.String(16), nullable=False, server_default="")
    op.add_column("key_images", name)
    op.create_table(
        "study_instances",
        *_case("study_instances"),
        _number("number"),
        *(
            _text(name)
            for name in (
                "instance_ref",
                "sop_instance_uid",
                "sop_class_uid",
                "series_uid",
                "original_key",
                "deid",
            )
        ),
        sa.PrimaryKeyConstraint("case_id", "number", name="pk_study_instances"),
    )
    op.create_table(
        "key_image_choices",
        *_case("key_image_choices"),
        _number("revision"),
        _text("by"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        _text("images"),
        sa.PrimaryKeyConstraint("case_id", "revision", name="pk_key_image_choices"),
        sqlite_with_rowid=False,
    )
    append_only.protect("key_image_choices", (("case_id", "revision"),))


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, autoincrement=False)


def _case(table: str) -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    key = sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=f"fk_{table}_case_id_cases")
    return sa.Column("case_id", sa.String(64), nullable=False), key
