"""What technologists see of single images as they arrive: verdicts, pictures, devices, retakes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from radraft.store.migrations import append_only

revision = "0019"
down_revision: str | None = "0018"
branch_labels: str | None = None
depends_on: str | None = None

_INSTANT = sa.DateTime(timezone=True)
_TEXTS = (
    *("study_uid", "series_uid", "patient_name", "patient_id", "accession", "modality"),
    *("body_part", "view", "laterality", "manufacturer", "model", "station"),
)


def upgrade() -> None:
    """Create the tables; arrivals say how often the same bytes came again, and are found by time.

    Images that came before are not judged anew.
    """
    op.add_column(
        "arrivals", sa.Column("repeats", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("arrivals", sa.Column("repeated_at", _INSTANT, nullable=True))
    op.create_index("ix_arrivals_received_at", "arrivals", ["received_at"])
    op.create_index("ix_arrivals_repeated_at", "arrivals", ["repeated_at"])
    op.create_table(
        "image_verdicts",
        sa.Column("arrival_id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("claimed_at", _INSTANT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("judged_at", _INSTANT, nullable=True),
        sa.Column("line", sa.Text(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _TEXTS),
        sa.Column("verdict", sa.String(16), nullable=True),
        sa.Column("judged_by", sa.String(16), nullable=True),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        *_of_arrival("image_verdicts"),
    )
    op.create_index("ix_image_verdicts_study_uid", "image_verdicts", ["study_uid"])
    op.create_index("ix_image_verdicts_patient_id", "image_verdicts", ["patient_id"])
    op.create_table(
        "arrival_thumbnails",
        sa.Column("arrival_id", sa.Integer(), nullable=False),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", _INSTANT, nullable=False),
        *_of_arrival("arrival_thumbnails"),
    )
    op.create_index("ix_arrival_thumbnails_made_at", "arrival_thumbnails", ["made_at"])
    op.create_table(
        "arrival_devices",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("site", "source", "station")),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("site", "source", "station", name="pk_arrival_devices"),
    )
    _add_retakes()


def _add_retakes() -> None:
    op.create_table(
        "image_retakes",
        sa.Column("arrival_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("replaces", sa.Integer(), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("by_account", sa.String(64), nullable=True),
        sa.Column("at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("arrival_id", "revision", name="pk_image_retakes"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_image_retakes_replaces", "image_retakes", ["replaces"])
    append_only.protect("image_retakes", (("arrival_id", "revision"),))


def _of_arrival(table: str) -> tuple[sa.PrimaryKeyConstraint, sa.ForeignKeyConstraint]:
    return (
        sa.PrimaryKeyConstraint("arrival_id", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["arrival_id"], ["arrivals.arrival_id"], name=f"fk_{table}_arrival_id_arrivals"
        ),
    )
