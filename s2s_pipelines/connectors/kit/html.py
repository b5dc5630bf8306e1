"""Makes sources' HTML and text fit for a shop."""

import html
import re

import nh3

REMOVED_WITH_CONTENT = frozenset({"script", "style", "iframe", "noscript", "object", "svg", "template"})
"""Tags whose content would otherwise stay as visible text: WooCommerce takes the tag of a script and shows what was in
it (WooCommerce recordings 47)."""

_TAGS = frozenset(nh3.ALLOWED_TAGS | {"section", "article", "figure", "figcaption", "main"}) - REMOVED_WITH_CONTENT
_ATTRIBUTES = {
    **{tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()},
    "*": {"class", "id", "style", "title", "lang", "dir"},
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def clean_html(text: str) -> str:
    """HTML that a shop stores as it is sent: scripts and styles go with their content, tables and inline styles stay.

    A lone ``<`` or ``&`` becomes an entity, so that text such as ``5 < 6`` survives. Cleaning twice changes nothing.

    >>> clean_html("<p onclick='x()'>Mug <script>alert(1)</script>5 < 6 & up</p>")
    '<p>Mug 5 &lt; 6 &amp; up</p>'
    """
    return nh3.clean(
        without_control(text),
        tags=set(_TAGS),
        clean_content_tags=set(REMOVED_WITH_CONTENT),
        attributes=_ATTRIBUTES,
        link_rel=None,
        url_schemes={"http", "https", "mailto", "tel"},
    )


def without_control(text: str) -> str:
    r"""The text without control characters (line breaks and tabs stay) and without halves of surrogate pairs.

    >>> without_control("bell\x07 and tab\t")
    'bell and tab\t'
    """
    return _CONTROL.sub("", text)


def plain_line(text: str) -> str:
    """One line of plain text, spelt so that a filter of tags leaves every character of it alone.

    >>> plain_line("Bolt  5 < 6 mm & <b>nut</b>")
    'Bolt 5 &lt; 6 mm & &lt;b&gt;nut&lt;/b&gt;'
    """
    return " ".join(without_control(text).split()).replace("<", "&lt;").replace(">", "&gt;")


def text_of(markup: str, limit: int = 300) -> str:
    """What a person reads in a fragment of HTML, on one line, at most ``limit`` characters.

    >>> text_of("<p>Slug &quot;a&quot; is taken.</p>")
    'Slug "a" is taken.'
    """
    bare = nh3.clean(markup, tags=set(), clean_content_tags={"script", "style"})
    return " ".join(html.unescape(bare).split())[:limit]
