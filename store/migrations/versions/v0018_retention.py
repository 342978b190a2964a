"""What each site keeps of its studies' images, what became of them, and which images train."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from radraft.store.migrations import append_only

revision = "0018"
down_revision: str | None = "0017"
branch_labels: str | None = None
depends_on: str | None = None

_INSTANT = sa.DateTime(timezone=True)
AT_ONCE = 500


def upgrade() -> None:
    """Create the tables and list the images of the pairs that there are."""
    op.create_table(
        "retention_rules",
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("site", "number", name="pk_retention_rules"),
        sqlite_with_rowid=False,
    )
    append_only.protect("retention_rules", (("site", "number"),))
    op.create_table(
        "retention_steps",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("rule", sa.Integer(), nullable=False),
        sa.Column("objects", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("case_id", "number", name="pk_retention_steps"),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name="fk_retention_steps_case_id_cases"
        ),
        sqlite_with_rowid=False,
    )
    append_only.protect("retention_steps", (("case_id", "number"),))
    op.create_table(
        "pair_images",
        sa.Column("image_id", sa.String(64), nullable=False),
        sa.Column("pair_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("image_id", "pair_id", name="pk_pair_images"),
        sa.ForeignKeyConstraint(
            ["pair_id"], ["training_pairs.pair_id"], name="fk_pair_images_pair_id_training_pairs"
        ),
        sqlite_with_rowid=False,
    )
    # Whether a case is one of the frozen is asked case by case.
    op.create_index("ix_training_pairs_case_id", "training_pairs", ["case_id", "split"])
    _list_images()


def _list_images() -> None:
    listed = sa.table("pair_images", sa.column("image_id"), sa.column("pair_id"))
    for rows in _pairs():
        found = [
            {"image_id": image_id, "pair_id": pair_id}
            for pair_id, text in rows
            for image_id in sorted(_ids(text))
        ]
        if found:
            op.get_bind().execute(sa.insert(listed), found)


def _pairs() -> Iterator[list[Any]]:
    pairs = sa.table("training_pairs", sa.column("pair_id"), sa.column("image_ids"))
    wanted = sa.select(pairs.c.pair_id, pairs.c.image_ids).order_by(pairs.c.pair_id).limit(AT_ONCE)
    last = ""
    while rows := list(op.get_bind().execute(wanted.where(pairs.c.pair_id > last))):
        yield rows
        last = rows[-1].pair_id


def _ids(text: str) -> set[str]:
    """The ids that a pair names; none of one that is damaged, which nothing trains on."""
    try:
        found = json.loads(text)
    except (ValueError, TypeError):
        return set()
    named = found if isinstance(found, list) else []
    return {image_id for image_id in named if isinstance(image_id, str) and len(image_id) <= 64}
