"""Openings of studies, adapters, what became of them, and their shadow drafts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from radraft.store.migrations import append_only

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

IMMUTABLE: dict[str, tuple[tuple[str, ...], ...]] = {
    "openings": (("opening_id",),),
    "adapter_moves": (("move_id",),),
    "gate_records": (("record_id",),),
}


def upgrade() -> None:
    """Create the tables and the column."""
    op.add_column("training_pairs", sa.Column("seconds", sa.Double(), nullable=True))
    _openings()
    _adapters()
    _moves()
    _records()
    _shadow_drafts()
    for table, keys in IMMUTABLE.items():
        append_only.protect(table, keys)


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def _short(name: str, length: int, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=null)


def _serial(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _of_adapter(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_adapter_id_adapters"
    return sa.ForeignKeyConstraint(["adapter_id"], ["adapters.adapter_id"], name=name)


def _of_case(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=f"fk_{table}_case_id_cases")


def _openings() -> None:
    op.create_table(
        "openings",
        _serial("opening_id"),
        _short("case_id", 64),
        _text("reader"),
        _instant("opened_at"),
        sa.PrimaryKeyConstraint("opening_id", name="pk_openings"),
        _of_case("openings"),
    )
    op.create_index("ix_openings_case_id", "openings", ["case_id"])


def _adapters() -> None:
    op.create_table(
        "adapters",
        _short("adapter_id", 64),
        *(_text(name) for name in ("site", "base", "files")),
        sa.Column("rank", sa.Integer(), nullable=False),
        _short("parent", 64, null=True),
        _short("data_sha", 64),
        _text("card"),
        _instant("made_at"),
        _short("state", 16),
        sa.Column("canary", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("adapter_id", name="pk_adapters"),
    )
    op.create_index("ix_adapters_site_state", "adapters", ["site", "state"])


def _moves() -> None:
    op.create_table(
        "adapter_moves",
        _serial("move_id"),
        _short("adapter_id", 64),
        _text("site"),
        _short("before", 16, null=True),
        _short("after", 16),
        _text("by"),
        _text("reason"),
        _instant("moved_at"),
        sa.PrimaryKeyConstraint("move_id", name="pk_adapter_moves"),
        _of_adapter("adapter_moves"),
    )
    op.create_index("ix_adapter_moves_adapter_id", "adapter_moves", ["adapter_id"])


def _records() -> None:
    op.create_table(
        "gate_records",
        _serial("record_id"),
        _short("adapter_id", 64, null=True),
        _text("site"),
        sa.Column("passed", sa.Boolean(), nullable=False),
        _text("content"),
        _instant("decided_at"),
        sa.PrimaryKeyConstraint("record_id", name="pk_gate_records"),
        _of_adapter("gate_records"),
    )
    op.create_index("ix_gate_records_adapter_id", "gate_records", ["adapter_id"])
    op.create_index("ix_gate_records_site", "gate_records", ["site"])


def _shadow_drafts() -> None:
    op.create_table(
        "shadow_drafts",
        _serial("shadow_id"),
        _short("case_id", 64),
        _short("adapter_id", 64),
        _text("content"),
        _instant("created_at"),
        sa.PrimaryKeyConstraint("shadow_id", name="pk_shadow_drafts"),
        _of_case("shadow_drafts"),
        _of_adapter("shadow_drafts"),
    )
    for column in ("case_id", "adapter_id"):
        op.create_index(f"ix_shadow_drafts_{column}", "shadow_drafts", [column])
