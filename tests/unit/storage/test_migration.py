import pytest
import sqlalchemy as sa

from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.storage import migration
from s2s_pipelines.storage.engine import make_engine
from s2s_pipelines.storage.revision import HEAD, is_newest
from s2s_pipelines.storage.schema import metadata


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server("postgres"))])
def engine(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'own.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = make_engine(url)
    yield made
    made.dispose()


def test_the_migrated_database_is_the_declared_schema(engine):
    assert migration.migrate(engine) == migration.newest() != ""
    assert migration.differences(engine) == []
    assert set(sa.inspect(engine).get_table_names()) == {*metadata.tables, "s2s_alembic_version"}


def test_the_comparison_sees_what_differs(engine):
    migration.migrate(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("alter table lease add column spare integer"))
        connection.execute(sa.text("drop index ix_order_event_order_id"))
    found = [difference[0] for difference in migration.differences(engine)]
    assert sorted(found) == ["add_index", "remove_column"]


def test_the_columns_of_the_migration_are_as_wide_as_declared(engine):
    migration.migrate(engine)
    inspector = sa.inspect(engine)
    for table in metadata.sorted_tables:
        columns = {column["name"]: column for column in inspector.get_columns(table.name)}
        assert list(columns) == [column.name for column in table.columns]
        for column in table.columns:
            assert columns[column.name]["nullable"] == column.nullable, (table.name, column.name)
        uniques = {tuple(unique["column_names"]) for unique in inspector.get_unique_constraints(table.name)}
        declared = {tuple(c.name for c in u.columns) for u in table.constraints if isinstance(u, sa.UniqueConstraint)}
        assert uniques == declared, table.name


def test_migrating_again_changes_nothing(engine):
    migration.migrate(engine)
    migration.migrate(engine)
    assert migration.current(engine) == migration.newest()


def test_a_database_of_another_revision_is_refused(engine):
    with pytest.raises(ConfigurationError, match="revision none"):
        migration.check_current(engine)
    migration.migrate(engine)
    migration.check_current(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("update s2s_alembic_version set version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="9999"):
        migration.check_current(engine)


def test_the_quick_look_at_the_revision_agrees_with_alembic(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'quick.db'}")
    assert not is_newest(engine)
    assert migration.migrate(engine) == HEAD
    assert is_newest(engine)
    engine.dispose()
