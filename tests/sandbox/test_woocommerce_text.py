"""Small rules: prices, codes, markup, slugs, dates, checks of parameters."""

import pytest

from s2s_pipelines.sandboxes.woocommerce.clock import ShopClock
from s2s_pipelines.sandboxes.woocommerce.html import add_paragraphs, clean_text, filter_markup, make_slug
from s2s_pipelines.sandboxes.woocommerce.price import parse_price
from s2s_pipelines.sandboxes.woocommerce.schema import META, WHOLE, Arg, check_params, one_of, rows, whole_number
from s2s_pipelines.sandboxes.woocommerce.wire import ApiError, build_query, parse_query, trim_fields


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("115.00", "115.00"), ("12,50", "1250"), ("1e3", "13"), ("R 99.00", "99.00"), ("1 234.50", "1234.50"), ("abc", ""),
        ("", ""), (None, ""), ("-5", "-5"), ("0", "0"), ("120.123456", "120.123456"), (10, "10"), (10.5, "10.5"),
        ("1.234.50", "1234.50"),
    ],
)  # fmt: skip
def test_price_keeps_only_digits_point_and_minus(typed: object, stored: str) -> None:
    assert parse_price(typed) == stored


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("<b>x</b>", "x"), ("  lead", "lead"), ("tab\there", "tab here"), ("00123", "00123"), ("A/B C", "A/B C"),
        ("100%", "100%"), ("A%20B", "AB"), ("O'Brien \"q\"", "O'Brien \"q\""), ("😀", "😀"), ("a < b", "a &lt; b"),
    ],
)  # fmt: skip
def test_code_loses_tags_and_folds_white_space(sent: str, kept: str) -> None:
    assert clean_text(sent) == kept


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("<script>steal()</script>ok", "steal()ok"),
        ("<p onclick=\"x()\" style=\"color:red\">ok</p>", '<p style="color:red">ok</p>'),
        ("<a href=\"javascript:go()\">a</a>", '<a href="go()">a</a>'),
        ("1 < 2 & 3 > 2", "1  2"),
        ("fish & chips", "fish &amp; chips"),
        ("&eacute;&#233;", "&eacute;&#233;"),
        ("<form><svg>x</svg></form><table><tr><td>1</td></tr></table>", "x<table><tr><td>1</td></tr></table>"),
        ("<p style=\"behavior:url(x)\">a</p>", "<p>a</p>"),
        ("a<!-- note -->b", "a<!-- note -->b"),
        ("nul\x00 bel\x07 tab\t", "nul bel tab\t"),
    ],
)  # fmt: skip
def test_markup_goes_but_its_text_stays(sent: str, kept: str) -> None:
    assert filter_markup(sent) == kept


def test_paragraphs_are_added_on_reading() -> None:
    assert add_paragraphs("") == ""
    assert add_paragraphs("One\nTwo") == "<p>One<br />\nTwo</p>\n"
    assert add_paragraphs("One\n\nTwo") == "<p>One</p>\n<p>Two</p>\n"
    assert add_paragraphs("<p>One</p>") == "<p>One</p>\n"
    assert add_paragraphs("<ul><li>a</li></ul>after") == "<ul>\n<li>a</li>\n</ul>\n<p>after</p>\n"


def test_slug_is_plain_and_short() -> None:
    assert make_slug("Ünï Slug/1") == "uni-slug-1"
    assert make_slug("Crème & <b>bold</b>") == "creme-bold"
    assert make_slug("日本") == "%e6%97%a5%e6%9c%ac"
    assert len(make_slug("n" * 300)) == 200


def test_bound_with_zone_and_gmt_flag_is_shifted_twice() -> None:
    clock = ShopClock("Africa/Johannesburg")
    noon = clock.parse("2026-11-21T12:00:00")
    assert noon == clock.parse("2026-11-21T10:00:00Z") == clock.bound("2026-11-21T10:00:00", True)
    assert clock.bound("2026-11-21T12:00:00+02:00", False) == noon
    assert clock.bound("2026-11-21T10:00:00Z", True) == noon + 7200
    assert clock.parse("nope") is None


def test_clock_stops_jumps_and_runs_again() -> None:
    clock = ShopClock("UTC")
    clock.freeze(1000)
    clock.advance(5)
    assert (clock.now(), clock.gmt(clock.now())) == (1005, "1970-01-01T00:16:45")
    clock.release()
    assert clock.now() > 1_700_000_000


def refusal(params: dict[str, object], args: dict[str, Arg]) -> dict[str, object]:
    with pytest.raises(ApiError) as caught:
        check_params(params, args)
    return caught.value.body()


def test_every_bad_parameter_is_named_in_the_refusal() -> None:
    args = {"n": WHOLE, "kind": one_of("a", "b", "c"), "lines": rows(quantity=WHOLE), "meta_data": META}
    body = refusal({"n": 2.5, "kind": "z", "lines": [{"quantity": 0.5}], "meta_data": "text"}, args)
    assert body["message"] == "Invalid parameter(s): n, kind, lines, meta_data"
    assert body["data"]["params"] == {
        "n": "n is not of type integer.",
        "kind": "kind is not one of a, b, and c.",
        "lines": "lines[0][quantity] is not of type integer.",
        "meta_data": "meta_data[0] is not of type object.",
    }
    missing = refusal({}, {"email": Arg("string", required=True)})
    assert missing["code"] == "rest_missing_callback_param"


def test_null_skips_the_check_and_becomes_the_empty_value() -> None:
    args = {"n": WHOLE, "text": Arg("string"), "when": Arg("", nullable=True)}
    assert check_params({"n": None, "text": None, "when": None, "other": None}, args) == {
        "n": 0, "text": "", "when": None, "other": None,
    }  # fmt: skip


def test_whole_numbers_overflow_like_the_shops() -> None:
    assert [whole_number(value) for value in (7, "7", 7.0, "7.9", True, None, "x", 2**31)] == [
        7,
        7,
        7,
        None,
        None,
        None,
        None,
        2**31,
    ]
    assert whole_number(1e30) == 5076964154930102272


def test_query_reads_and_prints_as_php_does() -> None:
    query = parse_query("sku=&include[]=1&include[]=2&page=1&page=3&x=a+b")
    assert query == {"sku": "", "include": ["1", "2"], "page": "3", "x": "a b"}
    assert build_query({"sku": "", "include": [1, 2], "flag": True}) == "sku&include%5B0%5D=1&include%5B1%5D=2&flag=1"


def test_fields_cannot_reach_into_the_lists_of_a_batch() -> None:
    batch = {"update": [{"id": 1, "error": {"code": "x"}}]}
    assert trim_fields(batch, "id,sku") == []
    assert trim_fields(batch, "update.id,update.error") == {"update": []}
    assert trim_fields([{"id": 1, "a": {"b": 1, "c": 2}}], "id,a.b") == [{"id": 1, "a": {"b": 1}}]
    assert trim_fields({"id": 1, "b": 2, "_links": {}}, "id") == {"id": 1, "_links": {}}
