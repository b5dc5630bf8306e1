import threading

import duckdb
import pyarrow as pa
import pytest

from s2s_pipelines.catalogue.query import desk


def test_desks_share_no_tables_and_are_cleared():
    with desk(given=pa.table({"x": [1]})) as one, desk(given=pa.table({"x": [2]})) as two:
        one.make("made", "SELECT x FROM given")
        two.make("made", "SELECT x FROM given")
        assert (one.count("SELECT x FROM made"), two.count("SELECT x FROM made")) == (1, 2)
    with desk() as three, pytest.raises(duckdb.CatalogException):
        three.ask("SELECT x FROM made")


def test_desks_of_several_threads_keep_apart():
    found = []

    def ask_many(number):
        for _ in range(20):
            with desk(given=pa.table({"x": [number]})) as table:
                table.make("made", "SELECT x FROM given")
                found.append(table.count("SELECT x FROM made") == number)

    threads = [threading.Thread(target=ask_many, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 80


def test_desk_reads_no_files_and_fetches_nothing(tmp_path):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with desk() as table, pytest.raises(duckdb.PermissionException):
        table.ask(f"SELECT * FROM read_csv('{tmp_path}/secret.csv')")


def test_times_keep_their_zone():
    with desk() as table:
        made = table.ask("SELECT CAST('2026-01-01T00:00:00Z' AS TIMESTAMPTZ) AS moment")
    assert made.schema.field("moment").type == pa.timestamp("us", "UTC")
