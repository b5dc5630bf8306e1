import base64

import pytest

from s2s_pipelines.connectors.kit.html import clean_html, plain_line, text_of, without_control
from s2s_pipelines.connectors.kit.http_json import UnreadableJson, parse_json, split_array
from s2s_pipelines.connectors.kit.redaction import Redactor


def test_longer_secret_is_masked_before_the_shorter_one_inside_it() -> None:
    assert Redactor(["pass", "password1"]).clean("password1 and pass") == "*** and ***"


@pytest.mark.parametrize(
    "text",
    [
        "key s3cr3t/+x in the open",
        "https://shop.example/a?consumer_secret=s3cr3t%2F%2Bx",
        "Authorization: Basic " + base64.b64encode(b"user1:s3cr3t/+x").decode(),
        "header " + base64.b64encode(b"user1:s3cr3t/+x").decode(),
        "https://user1:s3cr3t%2F%2Bx@shop.example/",
    ],
)
def test_secret_is_masked_in_every_spelling(text: str) -> None:
    cleaned = Redactor(["user1", "s3cr3t/+x"]).clean(text)
    assert "s3cr3t" not in cleaned
    assert base64.b64encode(b"user1:s3cr3t/+x").decode() not in cleaned


@pytest.mark.parametrize(
    "text, shown",
    [
        ("GET http://h/x?a=1&b=2 failed", "GET http://h/x?*** failed"),
        ("ck_abcdef0123456789 unknown", "*** unknown"),
        ("Bearer abcdefgh12345678 refused", "Bearer *** refused"),
        ("mail to testina@example.com now", "mail to <e-mail> now"),
        ("ftp://me:pw@host/file", "ftp://***@host/file"),
        ("two\nlines", "two lines"),
    ],
)
def test_what_looks_like_a_credential_or_an_address_is_masked_unasked(text: str, shown: str) -> None:
    assert Redactor().clean(text) == shown


def test_text_is_cut_at_its_limit() -> None:
    assert Redactor().clean("x" * 500, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    "markup, kept",
    [
        ("<p>a<script>alert(1)</script>b</p>", "<p>ab</p>"),
        ("<style>p{}</style>x", "x"),
        ("<iframe src='x'>fallback</iframe>y", "y"),
        ("<form><b>kept</b><input name='a'></form>", "<b>kept</b>"),
        ("5 < 6 & 7 > 3", "5 &lt; 6 &amp; 7 &gt; 3"),
        ('<a href="javascript:alert(1)">l</a>', "<a>l</a>"),
        ('<img src="https://a.example/b.png" onerror="x()" alt="B">', '<img src="https://a.example/b.png" alt="B">'),
        ('<p style="color:red">r</p>', '<p style="color:red">r</p>'),
        ("Crème 😀", "Crème 😀"),
    ],
)
def test_html_is_cleaned_with_content_and_keeps_what_a_shop_keeps(markup: str, kept: str) -> None:
    assert clean_html(markup) == kept
    assert clean_html(kept) == kept


def test_control_characters_go_and_line_ends_stay() -> None:
    assert without_control("a\x00\x07\x0bb\tc\nd\ud800") == "ab\tc\nd"


def test_plain_line_survives_a_filter_of_tags() -> None:
    assert plain_line(" 5 < 6\n& 7 > 3 ") == "5 &lt; 6 & 7 &gt; 3"


def test_markup_of_messages_is_taken_off() -> None:
    assert text_of("<p>There has been a <a href='x'>critical</a> error.</p>") == "There has been a critical error."


def test_array_is_cut_into_items_as_they_are_spelt() -> None:
    text = ' [ {"a": 1.10, "b": "], ["} ,\n{"c": []}, 3 ] '
    assert split_array(text) == ['{"a": 1.10, "b": "], ["}', '{"c": []}', "3"]
    assert split_array("[]") == []


def test_what_is_no_array_is_not_cut() -> None:
    with pytest.raises(UnreadableJson):
        split_array('{"a": 1}')


def test_byte_order_mark_alone_is_pollution_too() -> None:
    parsed = parse_json(b"\xef\xbb\xbf[1]", "application/json")
    assert (parsed.value, parsed.text, parsed.is_polluted) == ([1], "[1]", True)
