"""Text filters of WordPress: allowed markup, added paragraphs, slugs, plain-text clean-up.

Sources: WooCommerce recordings 47, 48 (markup and control characters), 52 (codes), 92 (slugs); the rules not seen there
follow the behaviour WordPress documents for ``wp_kses_post``, ``wpautop`` and ``sanitize_text_field``.
"""

from __future__ import annotations

import html
import re
import unicodedata

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_ENTITY = re.compile(r"&(?!(?:[a-zA-Z]{2,8}\d{0,2}|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});)")
_PIECE = re.compile(r"<!--.*?(?:-->|$)|<[^>]*(?:>|$)|>", re.S)
_TAG = re.compile(r"^<\s*(/\s*)?([a-zA-Z0-9-]+)([^>]*?)(\s*/)?>?$", re.S)
_ATTRIBUTE = re.compile(r"""([-a-zA-Z_:][-a-zA-Z0-9_:.]*)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?""")
_ADDRESS = {"href", "src", "cite", "longdesc", "poster", "action", "background"}
_SCHEMES = {"http", "https", "ftp", "ftps", "mailto", "news", "irc", "tel", "sms", "fax", "xmpp", "webcal", "urn"}

_EVERYWHERE = {"class", "id", "style", "title", "role", "dir", "lang", "xml:lang", "hidden"}
_TAGS = set(
    re.findall(
        r"\S+",
        "address a abbr acronym area article aside audio b bdo big blockquote br button caption cite code col colgroup "
        "del dd dfn details div dl dt em fieldset figure figcaption font footer h1 h2 h3 h4 h5 h6 header hgroup hr i "
        "img ins kbd label legend li main map mark menu nav object p pre q rb rp rt rtc ruby s samp section small span "
        "strike strong sub summary sup table tbody td textarea tfoot th thead tr track tt u ul ol var video",
    )
)
_MORE = set(
    re.findall(
        r"\S+",
        "align alt abbr axis bgcolor border cellpadding cellspacing char charoff cite clear color colspan controls "
        "coords datetime download face for frame headers height href hreflang hspace ismap loading longdesc loop muted "
        "name nohref noshade nowrap open poster preload rel rev reversed rows rowspan rules scope shape size span src "
        "start summary tabindex target type usemap valign value vspace width xml:lang",
    )
)
_TERM_TAGS = {"a", "abbr", "acronym", "b", "blockquote", "cite", "code", "del", "em", "i", "q", "s", "strike", "strong"}
_STYLE = re.compile(
    r"^(background|background-color|border|border-[a-z-]+|color|cursor|direction|display|float|font|font-[a-z]+|height|width"
    r"|letter-spacing|line-height|list-style-type|margin|margin-[a-z]+|max-height|max-width|min-height|min-width|overflow"
    r"|padding|padding-[a-z]+|text-[a-z-]+|vertical-align|white-space|opacity|object-fit|position|top|left|right|bottom)$"
)
_BLOCK = (
    "(?:table|thead|tfoot|caption|col|colgroup|tbody|tr|td|th|div|dl|dd|dt|ul|ol|li|pre|form|map|area|blockquote|address|style"
    "|p|h[1-6]|hr|fieldset|legend|section|article|aside|hgroup|header|footer|nav|figure|figcaption|details|menu|summary)"
)


def drop_control(text: str) -> str:
    """Text without the control characters WordPress removes; tab and line ends stay."""
    return _CONTROL.sub("", text)


def _safe_style(value: str) -> str:
    kept = []
    for declaration in value.split(";"):
        name, colon, rest = declaration.strip().partition(":")
        if colon and _STYLE.match(name.strip().lower()) and not re.search(r"[\\(&=}]|/\*", rest):
            kept.append(declaration.strip())
    return ";".join(kept)


def _safe_address(value: str) -> str:
    """Address without a scheme that is not allowed: ``javascript:alert(1)`` keeps only ``alert(1)``."""
    while True:
        head, colon, rest = html.unescape(value).partition(":")
        if not colon or "/" in head or "?" in head or "#" in head or head.strip().lower() in _SCHEMES:
            return value
        value = rest


def _attributes(text: str, tag: str) -> str:
    kept = []
    for name, quoted in _ATTRIBUTE.findall(text):
        low = name.lower()
        if low not in _EVERYWHERE | _MORE and not low.startswith(("data-", "aria-")):
            continue
        if not quoted:
            kept.append(name)
            continue
        value = quoted[1:-1] if quoted[0] in "\"'" else quoted
        if low == "style":
            value = _safe_style(value)
            if not value:
                continue
        elif low in _ADDRESS:
            value = _safe_address(value)
        kept.append(f'{name}="{value}"' if quoted[0] != "'" else f"{name}='{value}'")
    return "".join(f" {piece}" for piece in kept)


def _filter_piece(piece: str, allowed: set[str]) -> str:
    if not piece.startswith("<"):
        return "&gt;"
    if piece.startswith("<!--"):
        return piece if piece.endswith("-->") else ""
    match = _TAG.match(piece)
    if match is None or match[2].lower() not in allowed:
        return ""
    if match[1]:
        return f"</{match[2]}>"
    return f"<{match[2]}{_attributes(match[3], match[2])}{' /' if match[4] else ''}>"


def filter_markup(text: str, allowed: set[str] | None = None) -> str:
    """Markup a shop keeps for products: unknown tags go, their text stays (WooCommerce recordings 47)."""
    text = _ENTITY.sub("&amp;", drop_control(text))
    return _PIECE.sub(lambda match: _filter_piece(match[0], _TAGS if allowed is None else allowed), text)


def filter_term_text(text: str) -> str:
    """Markup kept in a category description: only phrases, no paragraphs (WooCommerce recordings 44)."""
    return filter_markup(text, _TERM_TAGS)


def add_paragraphs(text: str) -> str:
    """Paragraphs and line breaks added when a description is read (WooCommerce recordings 32, 34, 47)."""
    if not text.strip():
        return ""
    text = text.replace("\r\n", "\n").replace("\r", "\n") + "\n"
    text = re.sub(r"<br\s*/?>\s*<br\s*/?>", "\n\n", text)
    text = re.sub(rf"(<{_BLOCK}[\s/>])", r"\n\n\1", text)
    text = re.sub(rf"(</{_BLOCK}>)", r"\1\n\n", text)
    text = re.sub(r"\n\n+", "\n\n", text)
    pieces = [piece.strip("\n") for piece in re.split(r"\n\s*\n", text) if piece.strip("\n")]
    text = "".join(f"<p>{piece}</p>\n" for piece in pieces)
    text = re.sub(r"<p>\s*</p>", "", text)
    text = re.sub(rf"<p>\s*(</?{_BLOCK}[^>]*>)\s*</p>", r"\1", text)
    text = re.sub(r"<p>(<li.+?)</p>", r"\1", text)
    text = re.sub(rf"<p>\s*(</?{_BLOCK}[^>]*>)", r"\1", text)
    text = re.sub(rf"(</?{_BLOCK}[^>]*>)\s*</p>", r"\1", text)
    text = re.sub(r"(?<!<br />)\s*\n", "<br />\n", text)
    text = re.sub(rf"(</?{_BLOCK}[^>]*>)\s*<br />", r"\1", text)
    text = re.sub(r"<br />(\s*</?(?:p|li|div|dl|dd|dt|th|pre|td|ul|ol)[^>]*>)", r"\1", text)
    return re.sub(r"\n</p>$", "</p>", text)


def clean_text(text: str) -> str:
    """Plain text as used for codes: tags off, white space folded, outer spaces and %xx octets gone (recordings 52)."""
    text = drop_control(text)
    if "<" in text:
        text = re.sub(r"<(script|style)[^>]*?>.*?</\1>", "", text, flags=re.S | re.I)
        text = re.sub(r"<[^>\s][^>]*>?", "", text).replace("<", "&lt;")
    text = re.sub(r"[\r\n\t ]+", " ", text).strip()
    while re.search(r"%[a-f0-9]{2}", text, re.I):
        text = re.sub(r"%[a-f0-9]{2}", "", text, flags=re.I).strip()
    return text


def make_slug(text: str, longest: int = 200) -> str:
    """Address part made from a name: accents off, letters low, the rest dashes (recordings 44, 90, 92).

    Letters of other scripts are kept percent-encoded, as WordPress does.
    """
    text = html.unescape(re.sub(r"<[^>]*>", "", text))
    text = (
        text.replace("ß", "ss")
        .replace("æ", "ae")
        .replace("ø", "o")
        .replace("œ", "oe")
        .replace("đ", "d")
        .replace("ł", "l")
    )
    plain = "".join(
        letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter)
    ).lower()
    encoded = "".join(
        letter if letter.isascii() else "".join(f"%{byte:02x}" for byte in letter.encode()) for letter in plain
    )
    encoded = re.sub(r"[./ ]", "-", encoded)
    encoded = re.sub(r"[^a-z0-9%_\-]", "", encoded)
    encoded = re.sub(r"%(?![a-f0-9]{2})", "", encoded)
    return re.sub(r"-+", "-", encoded).strip("-")[:longest]
