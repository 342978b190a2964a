"""Earlier studies of the same patient."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from alembic import op

from radraft.studies import priors

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create the tables, and the keys of the studies that are there."""
    keys = op.create_table(
        "patient_keys",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "key", name="pk_patient_keys"),
        _of_case("patient_keys", "case_id"),
    )
    op.create_index("ix_patient_keys_key", "patient_keys", ["key"])
    op.create_table(
        "prior_links",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("prior_case_id", sa.String(64), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "prior_case_id", name="pk_prior_links"),
        _of_case("prior_links", "case_id"),
        _of_case("prior_links", "prior_case_id"),
    )
    op.create_index("ix_prior_links_prior_case_id", "prior_links", ["prior_case_id"])
    _fill(keys)


def _of_case(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["cases.case_id"], name=f"fk_{table}_{column}_cases")


def _fill(keys: sa.Table) -> None:
    connection = op.get_bind()
    known = connection.execute(
        sa.text(
            "SELECT i.case_id, p.patient_id, i.patient_name, i.birth_date FROM study_identities i "
            "JOIN patients p ON p.patient_ref = i.patient_ref"
        )
    ).all()
    for case_id, number, name, born in known:
        born = date.fromisoformat(born) if isinstance(born, str) else born
        person = priors.Person("", number, name, born, "")
        rows = [{"case_id": case_id, "key": key} for key in priors.keys(person)]
        if rows:
            connection.execute(keys.insert(), rows)
