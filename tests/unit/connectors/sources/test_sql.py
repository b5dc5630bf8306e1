"""The ``sql`` source on SQLite: what a declaration may say, and what a site's data may look like."""

import sqlite3
from contextlib import closing

import pytest
from pydantic import ValidationError

from s2s_pipelines.connectors.sources.sql import Settings, build
from s2s_pipelines.errors import AccessError, ConfigurationError, DataError, TransientError
from s2s_pipelines.ports import BuildContext


@pytest.fixture
def erp(tmp_path, monkeypatch):
    """A SQLite file, its declaration folder, and a way to build sources on it."""

    class Erp:
        path = tmp_path / "erp.sqlite"
        folder = tmp_path

        def run(self, script):
            with closing(sqlite3.connect(self.path)) as db, db:
                db.executescript(script)

        def query(self, text, name="q.sql"):
            (tmp_path / "queries").mkdir(exist_ok=True)
            (tmp_path / "queries" / name).write_text(text, encoding="utf-8")

        def source(self, feed, **more):
            monkeypatch.setenv("ERP_URL", f"sqlite:///{self.path}")
            settings = Settings.model_validate(
                {"kind": "sql", "url": {"env": "ERP_URL"}, "feeds": {"products": feed}, **more}
            )
            return build(settings, BuildContext("karoo_outdoor", "erp", str(tmp_path), "Africa/Johannesburg"))

    made = Erp()
    made.run("CREATE TABLE item (code TEXT, price REAL, qty INTEGER, picture BLOB, stamp INTEGER)")
    return made


TABLE = {"table": "item", "columns": ["code", "price", "qty"]}


@pytest.mark.parametrize(
    "feed",
    [
        {},
        {"query": "a.sql", "table": "item", "columns": ["code"]},
        {"table": "item"},
        {"query": "a.sql", "columns": ["code"]},
        {"table": "item", "columns": ["code"], "colour": "red"},
    ],
)
def test_declarations_that_say_too_little_or_too_much_are_refused(feed):
    with pytest.raises(ValidationError):
        Settings.model_validate({"kind": "sql", "url": {"env": "X"}, "feeds": {"products": feed}})


def test_a_literal_url_is_refused():
    with pytest.raises(ValidationError, match="must not be written here"):
        Settings.model_validate({"kind": "sql", "url": "sqlite:///x.db", "feeds": {}})


def test_building_reads_no_secret_and_opens_nothing(erp, monkeypatch):
    source = erp.source(TABLE)
    monkeypatch.delenv("ERP_URL")
    with pytest.raises(ConfigurationError, match="ERP_URL is missing"):
        source.check()


def test_floats_and_integers_come_in_plain_digits(erp):
    erp.run("INSERT INTO item VALUES ('A', 0.1, 1, NULL, 1), ('B', 1e-7, NULL, NULL, 1), ('C', 1e20, 007, x'0102', 1)")
    extract = erp.source({"table": "item", "columns": ["code", "price", "qty", "picture"]}).read("products")
    assert extract.table.to_pydict() == {
        "code": ["A", "B", "C"],
        "price": ["0.1", "0.0000001", "100000000000000000000"],
        "qty": ["1", None, "7"],
        "picture": [None, None, "0102"],
    }


def test_padding_of_fixed_width_columns_goes(erp):
    erp.run("INSERT INTO item (code) VALUES ('0007   ')")
    assert erp.source(TABLE).read("products").table.column("code").to_pylist() == ["0007"]


def test_rows_without_a_declared_order_are_sorted_by_content(erp):
    erp.run("INSERT INTO item (code, qty) VALUES ('B', 1), ('A', 2), ('A', 1)")
    first = erp.source(TABLE).read("products")
    erp.run(
        "CREATE TABLE copy AS SELECT * FROM item ORDER BY code, qty; DELETE FROM item; INSERT INTO item SELECT * FROM copy"
    )
    second = erp.source(TABLE).read("products")
    assert first.table.column("qty").to_pylist() == ["1", "2", "1"]
    assert first.fingerprint == second.fingerprint


def test_a_querys_own_order_is_kept(erp):
    erp.run("INSERT INTO item (code) VALUES ('A'), ('C'), ('B')")
    erp.query("SELECT code FROM item ORDER BY code DESC -- newest first")
    assert erp.source({"query": "q.sql"}).read("products").table.column("code").to_pylist() == ["C", "B", "A"]


@pytest.mark.parametrize("name", ["missing.sql", "../secret.sql", "/etc/hostname"])
def test_queries_lie_in_the_queries_folder_only(erp, name):
    erp.query("SELECT 1 AS a")
    (erp.folder / "secret.sql").write_text("SELECT 1 AS a")
    with pytest.raises(ConfigurationError, match="there is no query file"):
        erp.source({"query": name}).read("products")


@pytest.mark.parametrize("text", ["DELETE FROM item", "SELECT 1 AS a; DELETE FROM item", ""])
def test_a_query_file_holds_one_select(erp, text):
    erp.query(text)
    with pytest.raises(ConfigurationError, match="cannot be used"):
        erp.source({"query": "q.sql"}).read("products")


def test_a_select_that_writes_is_stopped_by_the_read_only_connection(erp):
    erp.run("INSERT INTO item (code) VALUES ('A')")
    erp.query("WITH gone AS (SELECT 1) DELETE FROM item RETURNING code")
    with pytest.raises(AccessError):
        erp.source({"query": "q.sql"}).read("products")
    with closing(sqlite3.connect(erp.path)) as db:
        assert db.execute("SELECT COUNT(*) FROM item").fetchone() == (1,)


def test_columns_need_names_of_their_own(erp):
    erp.query("SELECT code, price AS code FROM item")
    with pytest.raises(ConfigurationError, match="the column code comes twice"):
        erp.source({"query": "q.sql"}).read("products")


def test_a_feed_beyond_its_row_limit_is_refused_not_cut(erp):
    erp.run("INSERT INTO item (code) VALUES ('A'), ('B'), ('C')")
    with pytest.raises(DataError, match="more than 2 rows"):
        erp.source(TABLE, row_limit=2).read("products")
    assert erp.source(TABLE, row_limit=3).read("products").table.num_rows == 3


def test_a_statement_beyond_its_time_is_transient(erp):
    erp.query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) AS c FROM n")
    with pytest.raises(TransientError):
        erp.source({"query": "q.sql"}, statement_timeout_s=0.3).read("products")


def test_looking_for_a_file_does_not_make_one(erp):
    erp.path.unlink()
    with pytest.raises(TransientError):
        erp.source(TABLE).read("products")
    assert not erp.path.exists()


def test_a_file_that_is_no_database_is_a_data_error(erp):
    erp.path.write_bytes(b"this is not a database, it is a letter" * 40)
    with pytest.raises(DataError):
        erp.source(TABLE).read("products")


def test_a_number_that_grows_may_mark_changes(erp):
    erp.run("INSERT INTO item (code, stamp) VALUES ('A', 9), ('B', 10), ('C', NULL)")
    source = erp.source({"table": "item", "columns": ["code", "stamp"], "modified_column": "stamp"})
    first = source.read("products")
    assert first.cursor == "10"
    erp.run("UPDATE item SET stamp = 11 WHERE code = 'A'")
    again = source.read("products", first.cursor)
    assert again.table.column("code").to_pylist() == ["A", "B", "C"]  # equal stamps and rows without one come again
    assert again.cursor == "11"
    assert source.read("products", again.cursor).table.column("code").to_pylist() == ["A", "C"]


def test_an_empty_table_has_no_cursor_and_is_read_in_full_again(erp):
    source = erp.source({"table": "item", "columns": ["code", "stamp"], "modified_column": "stamp"})
    assert source.read("products").cursor is None


def test_a_modified_column_must_be_among_the_columns(erp):
    source = erp.source({**TABLE, "modified_column": "stamp"})
    with pytest.raises(ConfigurationError, match="no column stamp"):
        source.check()
    with pytest.raises(ConfigurationError, match="no column stamp"):
        source.read("products")


def test_a_modified_column_of_words_is_refused(erp):
    erp.run("INSERT INTO item (code) VALUES ('soon')")
    with pytest.raises(ConfigurationError, match="neither times nor numbers"):
        erp.source({**TABLE, "modified_column": "code"}).read("products")


@pytest.mark.parametrize(
    "url, words",
    [("nonsense", "cannot be read"), ("nosuchdb://h/x", "not installed"), ("Driver={No Such Driver};UID=x", "refused")],
)
def test_urls_that_lead_nowhere_are_declaration_faults(erp, monkeypatch, url, words):
    source = erp.source(TABLE)
    monkeypatch.setenv("ERP_URL", url)
    with pytest.raises(ConfigurationError, match=words):
        source.check()


def test_a_database_without_orders_says_so(erp):
    with pytest.raises(ConfigurationError, match="not declared to take orders"):
        erp.source(TABLE).find("SHOP-1-ERP")


@pytest.mark.parametrize(
    "feed",
    [
        {"table": "item", "columns": ["cdoe"]},
        {"table": "item", "columns": ["code"], "key": ["cdoe"]},
        {"table": "itme", "columns": ["code"]},
    ],
)
def test_a_mistyped_name_is_never_taken_for_a_text(erp, feed):
    """SQLite reads a quoted name that is no column as a text, and would fill every row with it."""
    erp.run("INSERT INTO item (code) VALUES ('A')")
    with pytest.raises(ConfigurationError, match=r"cdoe|itme"):
        erp.source(feed).check()
    with pytest.raises(ConfigurationError, match=r"cdoe|itme"):
        erp.source(feed).read("products")


def test_amounts_kept_as_text_are_untouched(erp):
    erp.run("CREATE TABLE p (price TEXT); INSERT INTO p VALUES ('1 299,90'), ('0,10')")
    cells = erp.source({"table": "p", "columns": ["price"]}).read("products").table.column("price").to_pylist()
    assert cells == ["0,10", "1 299,90"]
