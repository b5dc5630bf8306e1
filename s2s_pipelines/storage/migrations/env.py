"""Alembic's entry: runs migrations on the connection that ``storage.migration`` hands over."""

from alembic import context

from s2s_pipelines.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
