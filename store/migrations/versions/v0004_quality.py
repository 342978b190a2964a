"""What image quality was measured."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

_DEVICE = ("manufacturer", "model", "station", "operator")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "case_quality",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        _text("reasons"),
        _text("images"),
        sa.Column("heads", sa.String(64), nullable=True),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name="pk_case_quality"),
        _of_case("case_quality"),
    )
    op.create_table(
        "acquisitions",
        sa.Column("case_id", sa.String(64), nullable=False),
        *(_text(name) for name in _DEVICE),
        sa.PrimaryKeyConstraint("case_id", name="pk_acquisitions"),
        _of_case("acquisitions"),
    )
    op.create_table(
        "quality_refusals",
        sa.Column("refusal_id", sa.Integer(), nullable=False),
        _text("site"),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=False),
        _text("code"),
        _text("modality"),
        *(_text(name) for name in _DEVICE),
        sa.PrimaryKeyConstraint("refusal_id", name="pk_quality_refusals"),
    )
    op.create_index(
        "ix_quality_refusals_site_refused_at", "quality_refusals", ["site", "refused_at"]
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _of_case(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=f"fk_{table}_case_id_cases")
