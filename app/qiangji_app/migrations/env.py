"""Runs migrations on the connection that ``storage.schema`` hands over."""

from __future__ import annotations

from alembic import context

from qiangji_app.storage import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.node.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
