"""Alembic runs this module; the connection comes from `migrations.upgrade`."""

from alembic import context

from radraft.store.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
