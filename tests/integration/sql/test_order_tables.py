"""What `check` finds out about order tables before the first order, and what refusals say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from s2s_pipelines.errors import ConfigurationError, OrderRejected
from tests.contract.suite.order_sink import document
from tests.integration.sql.conftest import NAMES, on

SERVERS = tuple(name for name in NAMES if "sqlite" not in name)
LINES = '"sales order line"'


def change(harness, *statements):
    with harness.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def drop_unique(harness):
    on_table = " ON sales_order" if harness.engine.dialect.name in ("mysql", "mariadb") else ""
    change(harness, f"DROP INDEX ext_ref_once{on_table}")


@on(*NAMES)
def test_tables_as_declared_pass(harness):
    harness.source().check()


@on(*NAMES)
def test_a_reference_that_may_stand_twice_is_found(harness):
    drop_unique(harness)
    change(harness, "CREATE UNIQUE INDEX two_columns ON sales_order (ext_ref, account)")
    with pytest.raises(ConfigurationError, match="one order could become two documents"):
        harness.source().check()


@on("sqlite", "postgres")
def test_a_unique_index_on_some_rows_only_is_not_enough(harness):
    drop_unique(harness)
    change(harness, "CREATE UNIQUE INDEX some_of_them ON sales_order (ext_ref) WHERE status = 'OLD'")
    with pytest.raises(ConfigurationError, match="one order could become two documents"):
        harness.source().check()


@on(*NAMES)
def test_a_column_that_is_not_there_is_named(harness):
    source = harness.source()
    line = source.settings.orders.line.model_copy(update={"parent": "no_such_column"})
    orders = source.settings.orders.model_copy(update={"line": line})
    source.settings = source.settings.model_copy(update={"orders": orders})
    with pytest.raises(ConfigurationError, match="no_such_column"):
        source.check()


@on(*SERVERS)
def test_a_reference_column_that_is_too_short_is_found(harness):
    type_word = "TYPE VARCHAR(20)" if harness.engine.dialect.name == "postgresql" else "VARCHAR(20) NOT NULL"
    verb = "ALTER COLUMN" if harness.engine.dialect.name == "postgresql" else "MODIFY"
    change(harness, f"ALTER TABLE sales_order {verb} ext_ref {type_word}")
    with pytest.raises(ConfigurationError, match="holds 20 characters, our references have up to 40"):
        harness.source().check()


@on("mariadb", "odbc_mariadb")
def test_a_table_without_transactions_is_found(harness):
    change(harness, f"DROP TABLE {LINES}")
    change(
        harness,
        f"CREATE TABLE {LINES} (doc INTEGER, line_no INTEGER, item TEXT, variant TEXT, title TEXT, qty INTEGER, "
        "unit_price TEXT, net TEXT, tax TEXT) ENGINE=MyISAM",
    )
    change(harness, f"GRANT SELECT, INSERT ON {LINES} TO 'writer_{harness.engine.url.database}'@'%%'")
    with pytest.raises(ConfigurationError, match="MyISAM, which knows no transactions"):
        harness.source().check()


@on(*NAMES)
def test_a_document_without_a_number_is_undone(harness):
    source = harness.source()
    header = source.settings.orders.header.model_copy(update={"number": "remark"})
    source.settings = source.settings.model_copy(
        update={"orders": source.settings.orders.model_copy(update={"header": header})}
    )
    with pytest.raises(OrderRejected) as caught:
        source.raise_order(document(harness))
    assert caught.value.reason == "no_number"
    assert harness.written() == (0, 0)


@on(*NAMES)
def test_an_unknown_account_is_refused_and_undone(harness):
    with pytest.raises(OrderRejected) as caught:
        harness.sink().raise_order(replace(document(harness), source_customer_code="NOBODY"))
    assert caught.value.reason == "rule_of_target"
    assert harness.written() == (0, 0)


@on(*NAMES)
def test_the_receipt_tells_the_targets_own_time_and_total(harness):
    receipt = harness.sink().raise_order(document(harness))
    found = harness.sink().find(receipt.reference)
    assert abs(datetime.now(UTC) - found.raised_at) < timedelta(minutes=5)
    assert found.total == document(harness).total
    change(harness, f"UPDATE {LINES} SET tax = tax + 1 WHERE line_no = 1")
    assert harness.sink().find(receipt.reference).total == document(harness).total + 1


@on(*NAMES)
def test_a_document_is_written_as_the_field_map_says(harness):
    wanted = replace(document(harness), notes="Leave at the gate; ring 'twice' ✓", kind="invoice")
    harness.sink().raise_order(wanted)
    with harness.engine.connect() as connection:
        header = connection.execute(
            sa.text("SELECT ext_ref, account, ordered_on, kind, email, street, remark, status FROM sales_order")
        ).one()
        lines = connection.execute(
            sa.text(f"SELECT line_no, item, variant, title, qty, unit_price, net, tax FROM {LINES} ORDER BY line_no")
        ).all()
    assert [str(cell) for cell in header] == [
        "SHOP-1042-ERP", "WEB001", "2026-11-21", "invoice", wanted.email, "12 Invented Road", wanted.notes, "NEW",
    ]  # fmt: skip
    assert [line[:4] for line in lines] == [
        (1, "0007", None, "Tent 'two persons'"), (2, "ROPE'10", None, "Rope; 10 m -- ✓"), (3, "SEED", None, "Seed"),
    ]  # fmt: skip
    assert [Decimal(str(line[5])) for line in lines] == [Decimal("173.9100"), Decimal("0.1000"), Decimal("19.9900")]


@on("mariadb", "odbc_mariadb")
def test_a_collation_that_ignores_case_does_not_mix_references_up(harness):
    harness.sink().raise_order(document(harness, "SHOP-A1-ERP"))
    assert harness.sink().find("shop-a1-erp") is None
    with pytest.raises(OrderRejected):
        harness.sink().raise_order(document(harness, "shop-a1-erp"))
    assert harness.written() == (1, 3)


@on("postgres")
def test_a_rule_checked_at_the_commit_refuses_the_document(harness):
    """A deferred constraint speaks only when the commit comes, and then nothing was written."""
    change(harness, f'ALTER TABLE {LINES} DROP CONSTRAINT "sales order line_item_fkey"')
    change(
        harness,
        f"ALTER TABLE {LINES} ADD CONSTRAINT late FOREIGN KEY (item) REFERENCES item (code) DEFERRABLE INITIALLY DEFERRED",
    )
    with pytest.raises(OrderRejected) as caught:
        harness.sink().raise_order(harness.refusable(document(harness)))
    assert caught.value.reason == "rule_of_target"
    assert harness.written() == (0, 0)


@on("postgres", "mariadb")
def test_a_locked_table_is_transient_and_nothing_is_written(harness):
    source = harness.source()
    source.settings = source.settings.model_copy(update={"statement_timeout_s": 2.0})
    from s2s_pipelines.errors import TransientError

    with harness.engine.connect() as blocker:
        if harness.engine.dialect.name == "postgresql":
            blocker.exec_driver_sql("LOCK TABLE sales_order IN EXCLUSIVE MODE")
        else:
            blocker.exec_driver_sql("LOCK TABLES sales_order WRITE")
        with pytest.raises(TransientError):
            source.raise_order(document(harness))
        if harness.engine.dialect.name != "postgresql":
            blocker.exec_driver_sql("UNLOCK TABLES")
    assert harness.written() == (0, 0)
