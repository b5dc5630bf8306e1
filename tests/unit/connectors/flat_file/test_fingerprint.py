"""A file's fingerprint says whether reading it again would bring anything else."""

import pytest

from s2s_pipelines.connectors.sources.flat_file import CONNECTOR
from s2s_pipelines.ports import BuildContext


def fingerprint(tmp_path, **layout):
    settings = CONNECTOR.settings(kind="flat_file", location="stock.csv", settle_s=0, **layout)
    context = BuildContext(client="acme", connection="stock", folder=str(tmp_path), timezone="UTC")
    return CONNECTOR.build(settings, context).read("stock").fingerprint


def test_the_same_file_has_the_same_fingerprint(tmp_path):
    (tmp_path / "stock.csv").write_bytes("code;qty\nCaf\xe9;1\nB;2\n".encode("cp1252"))
    assert fingerprint(tmp_path) == fingerprint(tmp_path)


@pytest.mark.parametrize(
    "layout", [{"encoding": "cp850"}, {"header": ("sku", "units"), "header_row": 1}, {"max_cell": 3}]
)
def test_a_file_that_is_read_in_another_way_has_another(tmp_path, layout):
    (tmp_path / "stock.csv").write_bytes("code;qty\nCaf\xe9;1\nB;2\n".encode("cp1252"))
    assert fingerprint(tmp_path, **layout) != fingerprint(tmp_path)
