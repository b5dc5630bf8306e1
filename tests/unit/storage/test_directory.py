import pyarrow as pa
import pytest

from s2s_pipelines.cycle.port import NewSnapshot
from s2s_pipelines.ports import Directory, SkuOwner
from s2s_pipelines.storage.catalogue_store import ParquetCatalogue
from s2s_pipelines.storage.directory import SnapshotDirectory
from tests.unit.storage.stores import NOON, HandClock, make_database


@pytest.fixture
def store(tmp_path):
    engine = make_database(tmp_path)
    yield ParquetCatalogue(engine, tmp_path / "catalogue", HandClock())
    engine.dispose()


def keep(store, name, rows, replaces=None):
    table = pa.Table.from_pylist(rows)
    return store.keep("karoo", NewSnapshot(name, table, len(rows), 0, "f", NOON, is_complete=True, replaces=replaces))


def catalogue_row(sku, source="erp", **values):
    row = {"sku": sku, "source": source, "source_variant_code": f"V{sku}", "title": f"T{sku}", "is_conflict": False}
    return {**row, "product_active": "active", **values}


def test_owner_of_a_sku_is_told_with_leading_zeros_and_unknown_ones_are_left_out(store):
    keep(store, "catalogue", [catalogue_row("0042"), catalogue_row("42", "branch")])
    directory: Directory = SnapshotDirectory(store)
    assert directory.sku_owners("karoo", ["0042", "none", "0042"]) == {
        "0042": SkuOwner("0042", "erp", "V0042", "T0042", False)
    }
    assert directory.sku_owners("karoo", ["42"])["42"].source == "branch"
    assert directory.sku_owners("karoo", []) == {}
    assert directory.sku_owners("other", ["42"]) == {}


def test_conflict_is_told_and_a_deleted_sku_keeps_its_owner_until_another_offers_it(store):
    rows = [
        catalogue_row("A", is_conflict=True),
        catalogue_row("A", "branch", is_conflict=True),
        catalogue_row("B", "branch", product_active="delete"),
        catalogue_row("C", "branch", product_active="delete"),
        catalogue_row("C", "erp"),
    ]
    keep(store, "catalogue", rows)
    owners = SnapshotDirectory(store).sku_owners("karoo", ["A", "B", "C"])
    assert (owners["A"].is_conflict, owners["B"].source, owners["C"].source) == (True, "branch", "erp")


def customer(code, email, active="active"):
    return {"customer_active": active, "source_customer_code": code, "email": email}


def test_customer_is_found_by_address_without_regard_to_case(store):
    rows = [
        customer("C1", "Ann@Example.com"),
        customer("C2", "twice@example.com"),
        customer("C3", "TWICE@example.com "),
        customer("C4", "gone@example.com", "delete"),
        customer("C5", None),
        customer("C6", "once@example.com"),
        customer("C7", "once@example.com", "delete"),
    ]
    keep(store, "source/erp/customers", rows)
    emails = [" ann@example.COM", "twice@example.com", "gone@example.com", "nobody@example.com", "once@example.com"]
    found = SnapshotDirectory(store).customer_codes("karoo", "erp", emails)
    assert found == {"ann@example.com": "C1", "once@example.com": "C6"}
    assert SnapshotDirectory(store).customer_codes("karoo", "branch", emails) == {}


def test_newer_customer_list_is_used_as_soon_as_it_stands(store):
    first = keep(store, "source/erp/customers", [customer("C1", "a@example.com")])
    directory = SnapshotDirectory(store)
    assert directory.customer_codes("karoo", "erp", ["a@example.com"]) == {"a@example.com": "C1"}
    keep(store, "source/erp/customers", [customer("C9", "a@example.com")], replaces=first.id)
    assert directory.customer_codes("karoo", "erp", ["a@example.com"]) == {"a@example.com": "C9"}
