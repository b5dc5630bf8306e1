"""XML documents: read whole or not at all, and never against us."""

import gzip

import pytest
from pydantic import ValidationError

from s2s_pipelines.connectors.kit.refusal import UnreadableFile
from s2s_pipelines.connectors.sources.xml_feed import CONNECTOR, Settings
from s2s_pipelines.ports import BuildContext

COLUMNS = {"code": "@code", "title": "title", "price": "price"}


LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">'
    '<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">]><l>&e;&e;&e;&e;</l>'
)


def read(tmp_path, body, **declared):
    (tmp_path / "feed.xml").write_bytes(body if isinstance(body, bytes) else body.encode())
    made = {
        "kind": "xml_feed",
        "location": "feed.xml",
        "settle_s": 0,
        "row": "feed/product",
        "columns": COLUMNS,
        **declared,
    }
    context = BuildContext(client="trial", connection="feed", folder=str(tmp_path), timezone="UTC")
    return CONNECTOR.build(Settings.model_validate(made), context).read("products")


def refusal(tmp_path, body, **declared):
    with pytest.raises(UnreadableFile) as caught:
        read(tmp_path, body, **declared)
    return caught.value.reason, caught.value.line


def test_absent_is_null_and_empty_is_empty(tmp_path):
    body = '<feed>\n<product code="0012"><title/><price>10.50</price></product>\n<product><title>Rope</title></product>\n</feed>'
    extract = read(tmp_path, body)
    assert extract.table.to_pylist() == [
        {"code": "0012", "title": "", "price": "10.50"},
        {"code": None, "title": "Rope", "price": None},
    ]
    assert extract.rows.to_pylist() == [2, 3]


def test_text_is_kept_with_cdata_entities_and_blanks_and_without_comments(tmp_path):
    body = '<feed><product code="&lt;1&gt;"><title> a<!-- b --> &amp; <![CDATA[<b>]]>&#233; </title></product></feed>'
    assert read(tmp_path, body).table.to_pylist()[0] == {"code": "<1>", "title": " a & <b>é ", "price": None}


def test_google_merchant_feed_is_read_by_namespace_not_by_prefix(tmp_path):
    body = """<?xml version="1.0"?>
<rss version="2.0" xmlns:x="http://base.google.com/ns/1.0"><channel><title>Shop</title>
<item><x:id>A1</x:id><title>Tent</title><x:price>899.00 ZAR</x:price>
<x:additional_image_link>https://example.com/1.jpg</x:additional_image_link>
<x:additional_image_link>https://example.com/2.jpg</x:additional_image_link></item>
</channel></rss>"""
    extract = read(
        tmp_path, body, row="rss/channel/item", namespaces={"g": "http://base.google.com/ns/1.0"},
        columns={"id": "g:id", "title": "title", "price": "g:price", "image": {"path": "g:additional_image_link", "repeat": 3}},
    )  # fmt: skip
    assert extract.table.to_pylist() == [
        {
            "id": "A1", "title": "Tent", "price": "899.00 ZAR",
            "image1": "https://example.com/1.jpg", "image2": "https://example.com/2.jpg", "image3": None,
        }
    ]  # fmt: skip


def test_atom_rows_are_found_in_any_namespace(tmp_path):
    body = '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>A1</id></entry></feed>'
    assert read(tmp_path, body, row="*:entry", columns={"id": "*:id"}).table.to_pylist() == [{"id": "A1"}]
    assert refusal(tmp_path, body, row="entry", columns={"id": "id"})[0] == "no_rows"


def test_paths_reach_attributes_places_and_named_parts(tmp_path):
    body = """<feed xmlns:wp="http://example.com/wp"><product>
<image url="1.jpg"/><image url="2.jpg"/><part kind="main">M</part><part kind="other">O</part>
<wp:meta><wp:key>_sku</wp:key><wp:value>A1</wp:value></wp:meta><wp:meta><wp:key>x</wp:key><wp:value>y</wp:value></wp:meta>
<price currency="ZAR">9.00</price></product></feed>"""
    extract = read(
        tmp_path, body, namespaces={"wp": "http://example.com/wp"},
        columns={
            "first": "image[1]/@url", "all": {"path": "image/@url", "join": " | "}, "main": "part[@kind='main']",
            "sku": "wp:meta[wp:key='_sku']/wp:value", "currency": "price/@currency", "deep": "*:price",
        },
    )  # fmt: skip
    assert extract.table.to_pylist() == [
        {"first": "1.jpg", "all": "1.jpg | 2.jpg", "main": "M", "sku": "A1", "currency": "ZAR", "deep": "9.00"}
    ]


def test_a_row_with_several_texts_or_elements_inside_is_rejected_alone(tmp_path):
    body = """<feed>
<product code="1"><title>a</title></product>
<product code="2"><title>a</title><title>b</title></product>
<product code="3"><title>a <b>bold</b></title></product>
<product code="4"><title>a</title></product>
</feed>"""
    extract = read(tmp_path, body)
    assert extract.table.column("code").to_pylist() == ["1", "4"]
    assert [(r.row, r.field, r.reason) for r in extract.rejects] == [
        (3, "title", "repeated_value"),
        (4, "title", "nested_elements"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE feed [<!ENTITY a "x">]><feed><product code="1"><title>&a;b</title></product></feed>',
        '<!DOCTYPE feed SYSTEM "http://127.0.0.1:9/x.dtd"><feed/>',
        '<!DOCTYPE feed [<!ENTITY a SYSTEM "file:///etc/hostname">]><feed><product><title>&a;</title></product></feed>',
        "<!DOCTYPE feed><feed/>",
        LAUGHS,
    ],
)
def test_any_doctype_is_refused(tmp_path, body):
    assert refusal(tmp_path, body)[0] == "doctype"
    assert refusal(tmp_path, body.encode("utf-16"))[0] == "doctype"


def test_depth_attributes_and_elements_are_bounded(tmp_path):
    deep = "<feed><product>" + "<a>" * 80 + "</a>" * 80 + "</product></feed>"
    broad = "<feed><product>" + "<a/>" * 10_001 + "</product></feed>"
    rich = "<feed><product " + " ".join(f'a{i}="1"' for i in range(201)) + "/></feed>"
    for body in (deep, broad, rich):
        assert refusal(tmp_path, body) == ("too_large", 1)
    assert read(tmp_path, "<feed>" + "<product/>" * 10_001 + "</feed>").table.num_rows == 10_001


def test_very_deep_document_is_refused_whatever_is_declared(tmp_path):
    body = "<feed>" + "<a>" * 5000 + "</a>" * 5000 + "</feed>"
    assert refusal(tmp_path, body, max_depth=250)[0] in ("too_large", "xml_syntax")


@pytest.mark.parametrize(
    "body, line",
    [
        ('<feed>\n<product code="1"/>\n<product code="2">\n</feed>', 4),
        ('<feed>\n<product code="1"/>\n<product code="2"/>', 3),
        ('<feed>\n<product code="1"><title>fish & chips</title></product>\n</feed>', 2),
        ('<feed>\n<product code="1"><title>&nbsp;</title></product>\n</feed>', 2),
        (b'<feed>\n<product code="1"><title>Caf\xe9</title></product>\n</feed>', 2),
        ("sku,price\nA1,10.00\n", 1),
    ],
)
def test_a_break_anywhere_stops_the_whole_feed_at_its_line(tmp_path, body, line):
    assert refusal(tmp_path, body) == ("xml_syntax", line)


def test_a_break_at_the_very_end_of_a_long_feed_stops_it_too(tmp_path):
    rows = "".join(f'<product code="{i}"/>\n' for i in range(50_000))
    assert refusal(tmp_path, f"<feed>\n{rows}</fed>")[0] == "xml_syntax"


def test_declared_and_overridden_encodings(tmp_path):
    text = '<feed><product code="1"><title>Café</title></product></feed>'
    declared = '<?xml version="1.0" encoding="windows-1252"?>' + text
    assert read(tmp_path, declared.encode("cp1252")).table.column("title").to_pylist() == ["Café"]
    assert read(tmp_path, text.encode("utf-16")).table.column("title").to_pylist() == ["Café"]
    assert read(tmp_path, text.encode("cp1252"), encoding="cp1252").table.column("title").to_pylist() == ["Café"]


def test_gzip_is_unpacked_within_the_bound(tmp_path):
    body = gzip.compress(b"<feed>" + b" " * 2_000_000 + b"</feed>")
    assert read(tmp_path, body).table.num_rows == 0
    assert refusal(tmp_path, body, max_bytes=1_000_000)[0] == "file_too_large"


@pytest.mark.parametrize("body", ["", "  \n", "\x00\x00"])
def test_nothing_is_no_empty_feed(tmp_path, body):
    assert refusal(tmp_path, body)[0] == "empty_file"


@pytest.mark.parametrize("row", ["feed/product", "product"])
def test_empty_root_is_an_empty_feed(tmp_path, row):
    extract = read(tmp_path, "<feed>\n</feed>", row=row)
    assert (extract.table.num_rows, extract.table.column_names) == (0, ["code", "title", "price"])


def test_documents_of_another_kind_are_not_empty_feeds(tmp_path):
    page = "<html><body><p>Sorry</p></body></html>"
    assert refusal(tmp_path, page)[0] == "no_rows"
    assert refusal(tmp_path, page, row="product")[0] == "no_rows"
    assert read(tmp_path, "<feed><title>x</title></feed>").table.num_rows == 0


def test_rows_inside_rows_belong_to_the_outer_one(tmp_path):
    body = '<feed><product code="1"><part><product code="2"/></part></product><product code="3"/></feed>'
    assert read(tmp_path, body, row="product").table.column("code").to_pylist() == ["1", "3"]


@pytest.mark.parametrize(
    "shape",
    [
        "<product code='{}'/>\n",
        "<product\n code='{}'/>\n",
        "<product>\n<a>{}</a>\n</product>\n",
        "<product><title>x\ny</title></product>\n",
    ],
)
def test_lines_are_exact_beyond_what_libxml2_counts(tmp_path, shape):
    count = 70_000
    body = "<feed>\n" + "".join(shape.format(i) for i in range(count)) + "</feed>"
    lines = read(tmp_path, body).rows.to_pylist()
    height, above = shape.count("\n"), shape[: shape.index(">")].count("\n")
    assert lines == [2 + height * i + above for i in range(count)]


def test_rows_and_cells_are_bounded(tmp_path):
    body = '<feed>\n<product code="1"/>\n<product code="{}"/>\n<product code="3"/>\n</feed>'.format("x" * 200)
    extract = read(tmp_path, body, max_cell=100)
    assert extract.table.column("code").to_pylist() == ["1", "3"]
    assert [(r.row, r.reason) for r in extract.rejects] == [(3, "cell_too_large")]
    assert refusal(tmp_path, body, max_rows=2) == ("too_many_rows", 4)


@pytest.mark.parametrize(
    "declared, words",
    [
        ({"row": None}, "declare `row`"),
        ({"row": "g:item"}, "prefix 'g'"),
        ({"columns": None}, "declare `columns`"),
        ({"columns": {}}, "declare `columns`"),
        ({"columns": {"a": "g:id"}}, "prefix 'g'"),
        ({"columns": {"a": "//title"}}, "no path relative"),
        ({"columns": {"a": "/feed/title"}}, "no path relative"),
        ({"columns": {"a": "../title"}}, "not supported"),
        ({"columns": {"a": "title[position()=1]"}}, "not supported"),
        ({"columns": {"a": "document('x')"}}, "not supported"),
        ({"columns": {"a": "title | price"}}, "not supported"),
        ({"columns": {"a": ""}}, "no path relative"),
        ({"columns": {"a": {"path": "b", "join": ",", "repeat": 2}}}, "either join or repeat"),
        ({"columns": {"a1": "b", "a": {"path": "c", "repeat": 2}}}, "named twice"),
        ({"encoding": "latin-99"}, "no encoding"),
        ({"feeds": {"stock": {"file": "../x.xml"}}}, "under the location"),
    ],
)
def test_wrong_declarations_are_refused(declared, words):
    made = {"kind": "xml_feed", "location": "feed.xml", "row": "feed/product", "columns": COLUMNS, **declared}
    with pytest.raises(ValidationError, match=words):
        Settings.model_validate(made)
