"""From bytes to text without guessing: what the file says of itself, then UTF-8, then Windows-1252 under suspicion.

The order is the one of the flat-file research (sources research, section 10): byte-order mark, strict UTF-8 over the
whole file, Windows-1252. Statistical detection is left out on purpose: it takes short Windows-1252 text for a Central
European code page, and accents go wrong in silence. Instead text that came out of Windows-1252 must also look as text
written in it does; otherwise the file is refused until its encoding is declared.
"""

import codecs
import re
from dataclasses import dataclass

from s2s_pipelines.connectors.kit.refusal import UnreadableFile

_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old binary office document (.xls)"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"PK\x03\x04", "a ZIP archive or spreadsheet"),
    (b"\x1f\x8b", "a gzip archive"),
)
_DECLARE = "ask the supplier which encoding it is and declare it as `encoding`"

_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_LETTERS = "àáâãäåæçèéêëìíîïñòóôõöøùúûüßœÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÓÔÖØÙÚÛÜŒ"
_SYMBOLS = "€‘’“”„•–—…™\u00a0¡¢£¥§©ª«®°±²³´µ·¹º»¼½¾¿×"
_ANY = rf"[A-Za-z{_LETTERS}]"
_IMPLAUSIBLE: tuple[re.Pattern[str], ...] = (
    # Neither a letter of a Western European language nor a sign that shops type: ¤ and ‚ are n and e with accents of DOS.
    re.compile(rf"[^\x00-\x7f{_LETTERS}{_SYMBOLS}]"),
    # (Õ and Ò are left out as well: they are the apostrophe and the quote of the Macintosh.)
    # Whole words of accents are Cyrillic, Greek or worse.
    re.compile(rf"[{_LETTERS}]{{3}}"),
    # A capital amid small letters is an accent of DOS or of the old Macintosh.
    re.compile(rf"(?<=[a-zß-üœ])[À-ÜŒ]|(?<={_ANY})[À-ÜŒ](?=[a-zß-üœ])"),
    # Signs that belong between figures or at the edge of a word, found inside one.
    re.compile(rf"(?<={_ANY})[€“”„•…™¡¢£¥§©ª«°±²³¹º»¼½¾¿]+(?={_ANY})"),
    re.compile(r"(?:^|(?<=[\s,;|\"(]))[™®ª²³¹º±¼½¾´](?=[a-zß-ü])", re.MULTILINE),
    re.compile(r"(?<=[a-zß-üœ])[–—](?=[a-zß-üœ])"),
    re.compile(rf"(?<={_ANY})[„¡¿±£¥¢]"),
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text without its byte-order mark, the encoding it came from, and sentences a person should see."""

    text: str
    encoding: str
    notes: tuple[str, ...] = ()


def decode(raw: bytes, declared: str | None = None) -> Decoded:
    """Text of a whole file.

    Args:
        raw: the file.
        declared: the encoding an operator declared, a name Python knows; it is obeyed strictly.

    Raises:
        UnreadableFile: the file is empty, is no text, or its encoding is not certain.

    >>> decode("Café".encode("utf-8")).text
    'Café'
    >>> decode("Café".encode("cp1252")).encoding
    'cp1252'
    """
    if not raw.strip(b"\x00\x1a \t\r\n"):
        raise UnreadableFile(
            "empty_file", "the file is empty, which is no empty feed", remedy="ask the supplier for the file again"
        )
    for signature, label in _SIGNATURES:
        if raw.startswith(signature):
            raise UnreadableFile("not_text", f"this is {label}, not a text file", remedy="ask for a text file")
    decoded = _declared(raw, declared) if declared else _undeclared(raw)
    return Decoded(_checked(decoded.text), decoded.encoding, decoded.notes)


def _declared(raw: bytes, name: str) -> Decoded:
    encoding = codecs.lookup(name).name
    marked = _marked(raw)
    if encoding in ("utf-16", "utf-32"):
        if marked is None or not marked.startswith(encoding):
            raise UnreadableFile(
                "encoding_mismatch",
                f"declared {encoding}, but no byte-order mark says which end comes first",
                remedy=f"declare {encoding}-le or {encoding}-be",
            )
        encoding = marked
    if marked is not None and marked != encoding.removesuffix("-sig").replace("utf-8-", "utf-8"):
        raise UnreadableFile(
            "encoding_mismatch",
            f"declared {encoding}, but the byte-order mark says {marked}",
            remedy="declare what the file is, or nothing",
        )
    return Decoded(_strict(raw, encoding), encoding)


def _undeclared(raw: bytes) -> Decoded:
    marked = _marked(raw)
    if marked is not None:
        return Decoded(_strict(raw, marked), marked)
    if b"\x00" in raw:
        _refuse_nul(raw)
    try:
        return Decoded(raw.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and _MULTIBYTE.search(raw):
            raise UnreadableFile(
                "cut_off",
                "the file breaks off within a UTF-8 character",
                line=_line_of(raw, error.start),
                remedy="ask the supplier for the file again",
            ) from None
        return _windows(raw, error.start)


def _marked(raw: bytes) -> str | None:
    return next((name for mark, name in _MARKS if raw.startswith(mark)), None)


def _strict(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode(encoding, errors="ignore")
        raise UnreadableFile(
            "bad_bytes",
            f"byte {error.start + 1} of the file is not {encoding}",
            line=1 + _line_ends(before),
            remedy=_DECLARE,
        ) from None


def _line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _line_of(raw: bytes, position: int) -> int:
    head = raw[:position]
    return 1 + head.count(b"\n") + head.count(b"\r") - head.count(b"\r\n")


def _refuse_nul(raw: bytes) -> None:
    even, odd = raw[0::2].count(0), raw[1::2].count(0)
    most = max(even, odd)
    if most > len(raw) // 8 and min(even, odd) < most // 8:
        name = "utf-16-le" if odd > even else "utf-16-be"
        raise UnreadableFile(
            "utf16_without_mark",
            f"this looks like {name} without a byte-order mark",
            remedy=f"declare `encoding: {name}` if the supplier confirms it",
        )
    raise UnreadableFile(
        "nul_byte",
        "the file holds a NUL byte, as damaged and binary files do",
        line=_line_of(raw, raw.index(0)),
        remedy="ask the supplier for the file again",
    )


def _windows(raw: bytes, bad: int) -> Decoded:
    undefined = _UNDEFINED.search(raw)
    if undefined:
        raise UnreadableFile(
            "unknown_encoding",
            f"neither UTF-8 nor Windows-1252 (byte 0x{undefined.group().hex().upper()})",
            line=_line_of(raw, undefined.start()),
            remedy=_DECLARE,
        )
    multibyte = _MULTIBYTE.search(raw)
    if multibyte:
        raise UnreadableFile(
            "mixed_encodings", "some characters are UTF-8 and some are not", line=_line_of(raw, bad), remedy=_DECLARE
        )
    text = raw.decode("cp1252")
    for pattern in _IMPLAUSIBLE:
        found = pattern.search(text)
        if found:
            raise UnreadableFile(
                "unknown_encoding",
                "not UTF-8, and as Windows-1252 it does not read like words",
                line=1 + _line_ends(text[: found.start()]),
                remedy=_DECLARE,
            )
    note = f"not UTF-8 (line {_line_of(raw, bad)}); read as Windows-1252: check the accents, or declare `encoding`"
    return Decoded(text, "cp1252", (note,))


_MARKUP = re.compile(r"\s*<(?:!doctype\s+html|html|\?xml|!--|rss|feed|body|head)\b", re.IGNORECASE)
_JSON = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[\[{\"\]])")
_CONTROL = re.compile(r"[\x00\x02-\x08\x0c\x0e-\x1b]")


def _checked(text: str) -> str:
    """The text without marks at its ends, provided that it can be a table."""
    text = text.lstrip("\ufeff")
    end = text.find("\x1a")
    if end >= 0 and not text[end:].strip("\x1a\x00 \t\r\n"):
        text = text[:end]
    if _MARKUP.match(text):
        raise UnreadableFile(
            "markup",
            "this is a web page or XML, not a table of text",
            remedy="check the address; an XML feed is read by the kind xml_feed",
        )
    if _JSON.match(text):
        raise UnreadableFile("json", "this is JSON, not a table of text", remedy="check the address")
    for pattern, reason, message in (
        (_CONTROL, "control_character", "the file holds a control character that no table has"),
        (re.compile("(?<=[\r\n])\ufeff"), "joined_files", "a byte-order mark amid the file: several files were joined"),
    ):
        found = pattern.search(text)
        if found:
            raise UnreadableFile(
                reason,
                message,
                line=1 + _line_ends(text[: found.start()]),
                remedy="ask the supplier for a clean file",
            )
    return text
