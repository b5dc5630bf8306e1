import threading

import pytest
import sqlalchemy as sa

from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.storage import schema
from s2s_pipelines.storage.engine import make_engine, reading


@pytest.fixture
def engine(tmp_path):
    made = make_engine(f"sqlite:///{tmp_path}/deep/er/ours.db")
    schema.metadata.create_all(made)
    yield made
    made.dispose()


def test_sqlite_is_set_up_for_two_processes(engine):
    with engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_two_writers_that_read_first_both_succeed(engine):
    """Deferred transactions would lose one of them to SQLITE_BUSY at once."""
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE counter (n INTEGER)")
        connection.exec_driver_sql("INSERT INTO counter VALUES (0)")
    problems = []

    def add_many():
        try:
            for _ in range(50):
                with engine.begin() as connection:
                    n = connection.exec_driver_sql("SELECT n FROM counter").scalar()
                    connection.execute(sa.text("UPDATE counter SET n = :n"), {"n": n + 1})
        except sa.exc.SQLAlchemyError as problem:
            problems.append(problem)

    writers = [threading.Thread(target=add_many) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT n FROM counter").scalar() == 150
    assert problems == []


def test_reader_is_not_held_up_by_a_writer(engine):
    with engine.begin() as writer:
        writer.exec_driver_sql("CREATE TABLE seen (n INTEGER)")
        with reading(engine) as reader:
            names = reader.exec_driver_sql("SELECT name FROM sqlite_master WHERE name = 'seen'").all()
    assert names == []


def test_failed_transaction_leaves_nothing(engine):
    with pytest.raises(RuntimeError), engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE half (n INTEGER)")
        raise RuntimeError
    with reading(engine) as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE name = 'half'").scalar() == 0


@pytest.mark.parametrize("url", ["postgresql://a:b@h/d", "postgresql+psycopg://a:b@h/d"])
def test_postgresql_is_spoken_through_psycopg2(url):
    engine = make_engine(url)
    assert engine.url.drivername == "postgresql+psycopg2"
    assert engine.url.password == "b"


@pytest.mark.parametrize("url", ["hunter2", "mysql://u:hunter2@h/d"])
def test_other_addresses_are_refused_without_being_repeated(url):
    with pytest.raises(ConfigurationError) as caught:
        make_engine(url)
    assert "hunter2" not in str(caught.value)
