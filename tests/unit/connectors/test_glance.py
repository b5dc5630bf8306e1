"""A glance knows what a read would say, and makes no sense of anything by itself."""

import pytest

from s2s_pipelines.connectors.sources import flat_file, xml_feed
from s2s_pipelines.errors import S2SError
from s2s_pipelines.ports import BuildContext, GlancingSource

FILES = {
    "flat_file": (flat_file, "stock.csv", "code;qty\nA;1\nB;2\n", {}),
    "xml_feed": (
        xml_feed,
        "stock.xml",
        "<feed><item><code>A</code></item><item><code>B</code></item></feed>",
        {"row": "item", "columns": {"code": "code"}},
    ),
}


@pytest.fixture(params=FILES)
def kind(request, tmp_path):
    """A function that opens the source, its module, and its file."""
    module, name, text, declared = FILES[request.param]
    file = tmp_path / name
    file.write_text(text)

    def opened(**more):
        settings = module.CONNECTOR.settings(kind=request.param, location=name, settle_s=0, **{**declared, **more})
        context = BuildContext(client="acme", connection="stock", folder=str(tmp_path), timezone="UTC")
        return module.CONNECTOR.build(settings, context)

    return opened, module, file


def test_glance_has_the_fingerprint_of_the_read(kind):
    opened, _, _ = kind
    source = opened()
    assert isinstance(source, GlancingSource)
    glance, extract = source.glance("stock"), source.read("stock")
    assert (glance.fingerprint, glance.modified_at) == (extract.fingerprint, extract.modified_at)
    made = glance.extract()
    assert (made.table, made.read_at, made.fingerprint) == (extract.table, glance.read_at, extract.fingerprint)
    assert made.table.num_rows == 2


def test_glance_reads_nothing(kind, monkeypatch):
    opened, module, _ = kind

    def refuse(*_, **__):
        raise AssertionError("it was made sense of")

    monkeypatch.setattr(module, "read_grid" if module is flat_file else "RowStream", refuse)
    glance = opened().glance("stock")
    with pytest.raises(AssertionError, match="made sense of"):
        glance.extract()


def test_other_bytes_and_another_manner_show(kind):
    opened, module, file = kind
    first = opened().glance("stock").fingerprint
    assert opened().glance("stock").fingerprint == first
    other = {"encoding": "cp850"} if module is flat_file else {"columns": {"code": "code", "more": "qty"}}
    assert opened(**other).glance("stock").fingerprint != first
    file.write_text(file.read_text().replace("A", "C"))
    assert opened().glance("stock").fingerprint != first


def test_what_is_wrong_is_told_with_its_place_by_both(kind):
    opened, module, file = kind
    file.write_text("<broken" if module is xml_feed else "a;b\n1,2;3;4\n5;6,7,8;9\n;;;;;;\n")
    glance = opened().glance("stock")
    with pytest.raises(S2SError) as told:
        glance.extract()
    file.unlink()
    with pytest.raises(S2SError) as missing:
        opened().glance("stock")
    for error in (told.value, missing.value):
        assert (error.client, error.connection, error.operation) == ("acme", "stock", "read stock")
