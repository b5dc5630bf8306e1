"""Alembic's entry: runs migrations on the connection that ``storage.migration`` hands over."""

from alembic import context

from s2s_pipelines.storage.revision import VERSION_TABLE
from s2s_pipelines.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # Dagster's tables may stand in the same database and have a version of their own under Alembic's usual name.
    version_table=VERSION_TABLE,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
