"""What may be declared of a flat file, and how a feed's own words count."""

import gzip

import pytest
from pydantic import ValidationError

from s2s_pipelines.connectors.sources.flat_file import CONNECTOR, Settings
from s2s_pipelines.errors import AccessError, ConfigurationError, DataError, TransientError
from s2s_pipelines.ports import BuildContext


def source(folder, **declared):
    settings = Settings.model_validate({"kind": "flat_file", "settle_s": 0, **declared})
    return CONNECTOR.build(
        settings, BuildContext(client="trial", connection="files", folder=str(folder), timezone="UTC")
    )


@pytest.mark.parametrize(
    "declared, words",
    [
        ({"location": "ftp://me:secret@example.com/a.csv"}, "holds credentials"),
        ({"location": "gopher://example.com/a.csv"}, "scheme"),
        ({"location": "a.csv", "password": "literal"}, "secret must not be written"),
        ({"location": "a.csv", "encoding": "latin-99"}, "no encoding"),
        ({"location": "a.csv", "encoding": "rot13"}, "no encoding"),
        ({"location": "a.csv", "delimiter": '"'}, "delimiter is no quote"),
        ({"location": "a.csv", "format": "fixed_width"}, "go together"),
        ({"location": "a.csv", "columns": [{"name": "a", "start": 1, "length": 2}]}, "go together"),
        ({"location": "a.csv", "header": ["a", "a"]}, "twice"),
        ({"location": ".", "feeds": {"stock": {"file": "../../etc/passwd"}}}, "under the location"),
        ({"location": ".", "feeds": {"orders": {"file": "a.csv"}}}, "products"),
        ({"location": "a.csv", "delimeter": ";"}, "delimeter"),
    ],
)
def test_wrong_declarations_are_refused(declared, words):
    with pytest.raises(ValidationError, match=words):
        Settings.model_validate({"kind": "flat_file", **declared})


def test_location_may_be_a_reference(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("sku,price\nA1,10.00\n")
    monkeypatch.setenv("TRIAL_LOCATION", str(tmp_path / "a.csv"))
    extract = source(tmp_path, location={"env": "TRIAL_LOCATION"}).read("stock")
    assert extract.table.to_pylist() == [{"sku": "A1", "price": "10.00"}]
    monkeypatch.delenv("TRIAL_LOCATION")
    with pytest.raises(ConfigurationError, match="TRIAL_LOCATION"):
        source(tmp_path, location={"env": "TRIAL_LOCATION"}).check()


def test_relative_locations_start_at_the_clients_folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("sku,price\nA1,10.00\n")
    assert source(tmp_path, location="in/a.csv").read("products").table.num_rows == 1


def test_a_feeds_own_words_count_instead_of_the_common_ones(tmp_path):
    (tmp_path / "p.csv").write_text("A1;Tent\nA2;Rope\n")
    (tmp_path / "s.csv").write_text("sku;qty\nA1;4\n")
    reader = source(
        tmp_path,
        location=".",
        header=["sku", "title"],
        feeds={"products": {"file": "p.csv"}, "stock": {"file": "s.csv", "header": None}},
    )
    assert reader.read("products").table.to_pylist()[0] == {"sku": "A1", "title": "Tent"}
    assert reader.read("stock").table.to_pylist() == [{"sku": "A1", "qty": "4"}]


def test_errors_name_client_connection_and_operation(tmp_path):
    (tmp_path / "a.csv").write_text("sku,sku\nA1,A2\n")
    with pytest.raises(DataError) as caught:
        source(tmp_path, location="a.csv").read("stock")
    error = caught.value
    assert (error.client, error.connection, error.operation) == ("trial", "files", "read stock")
    assert str(error).startswith("line 1: ")


def test_missing_file_and_missing_folder_are_told_apart(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no file a\.csv"):
        source(tmp_path, location="a.csv").check()
    with pytest.raises(TransientError, match="folder"):
        source(tmp_path, location="gone/a.csv").check()


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ConfigurationError, match="is no file"):
        source(tmp_path, location=".").read("products")


def test_unreadable_file_is_an_access_error(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("sku,price\nA1,10.00\n")

    def refuse(*args, **kwargs):
        raise PermissionError(13, "denied")

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.open", refuse)
    with pytest.raises(AccessError):
        source(tmp_path, location="a.csv").read("products")


def test_packed_file_has_the_fingerprint_of_its_content(tmp_path):
    body = b"sku,price\nA1,10.00\n"
    (tmp_path / "a.csv").write_bytes(body)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(body))
    plain = source(tmp_path, location="a.csv").read("products")
    packed = source(tmp_path, location="a.csv.gz").read("products")
    assert plain.fingerprint == packed.fingerprint
    assert packed.table.equals(plain.table)


def test_rows_and_cells_are_bounded(tmp_path):
    (tmp_path / "a.csv").write_text("sku,title\nA1,Tent\nA2," + "x" * 200 + "\nA3,Rope\nA4,Hook\n")
    extract = source(tmp_path, location="a.csv", max_cell=100).read("products")
    assert extract.table.column("sku").to_pylist() == ["A1", "A3", "A4"]
    assert [(r.row, r.field, r.reason) for r in extract.rejects] == [(3, "title", "cell_too_large")]
    assert len(extract.rejects[0].value) == 80
    with pytest.raises(DataError, match="too_many_rows"):
        source(tmp_path, location="a.csv", max_rows=3).read("products")
    with pytest.raises(DataError, match="file_too_large"):
        source(tmp_path, location="a.csv", max_bytes=50).read("products")


def test_modified_time_is_the_files_own(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("sku,price\nA1,10.00\n")
    extract = source(tmp_path, location="a.csv").read("products")
    assert extract.modified_at is not None
    assert abs(extract.modified_at.timestamp() - path.stat().st_mtime) < 0.001


def test_file_that_changes_between_two_looks_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("sku,price\nA1,10.00\n")
    monkeypatch.setattr("time.sleep", lambda seconds: path.write_text("sku,price\nA1,10.00\nA2,11.00\n"))
    with pytest.raises(TransientError, match="still being written"):
        source(tmp_path, location="a.csv", settle_s=1).read("products")
