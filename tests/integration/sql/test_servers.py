"""The servers that other tests stand on."""

import pytest
import sqlalchemy as sa


@pytest.mark.parametrize(
    "name", [pytest.param(f"{n}_url", marks=pytest.mark.server(n)) for n in ("postgres", "mariadb")]
)
def test_every_test_gets_an_empty_database_of_its_own(name, request):
    first = request.getfixturevalue(name)
    engine = sa.create_engine(first, poolclass=sa.NullPool)
    with engine.begin() as connection:
        assert sa.inspect(connection).get_table_names() == []
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER)")
    engine.dispose()


@pytest.mark.parametrize(
    "name",
    [pytest.param(f"{n}_odbc", marks=pytest.mark.server(f"odbc_{n}")) for n in ("postgres", "mariadb", "sqlite")],
)
def test_odbc_strings_connect(name, request):
    import pyodbc

    with pyodbc.connect(request.getfixturevalue(name), autocommit=True) as connection:
        assert connection.execute("SELECT 1").fetchone()[0] == 1
    connection.close()
