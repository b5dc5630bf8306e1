"""Bytes become text without guessing."""

import pytest

from s2s_pipelines.connectors.kit.encoding import decode
from s2s_pipelines.connectors.kit.refusal import UnreadableFile

PROSE = "sku;naam\n1;Môre-koffie – “sterk” 20°C\n2;Ouma’s crème brûlée, ½ kg à la carte\n3;Señor ¡Olé! Größe 4 m²\n"


def refusal(raw, declared=None):
    with pytest.raises(UnreadableFile) as caught:
        decode(raw, declared)
    return caught.value.reason, caught.value.line


def test_utf8_is_read_without_a_note():
    decoded = decode(PROSE.encode())
    assert (decoded.text, decoded.encoding, decoded.notes) == (PROSE, "utf-8", ())


def test_western_text_in_windows_1252_is_read_and_flagged_with_its_line():
    decoded = decode(PROSE.encode("cp1252"))
    assert (decoded.text, decoded.encoding) == (PROSE, "cp1252")
    assert "line 2" in decoded.notes[0]
    assert "Windows-1252" in decoded.notes[0]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_decide(encoding):
    assert decode(PROSE.encode(encoding)).text == PROSE


def test_bytes_after_a_mark_are_obeyed_strictly():
    assert refusal(b"\xef\xbb\xbfsku\nA\xe9\n") == ("bad_bytes", 2)


@pytest.mark.parametrize(
    "text, encoding",
    [
        ("1;Crème brûlée", "cp850"),
        ("1;Gebäck für zwei", "cp850"),
        ("1;Niño", "cp850"),
        ("1;Café", "cp437"),
        ("1;Café", "mac-roman"),
        ("1;Größe", "mac-roman"),
        ("1;Łyżka", "iso8859-2"),
        ("1;Łyżka", "cp1250"),
        ("1;Żółty nóż", "cp1250"),
        ("1;Рубашка", "cp1251"),
        ("1;Рубашка", "koi8-r"),
        ("1;Πουκάμισο", "cp1253"),
        ("1;חולצה", "cp1255"),
        ("1;قميص", "cp1256"),
        ("1;シャツ", "shift-jis"),
        ("1;衬衫", "gb18030"),
        ("1;셔츠", "euc-kr"),
        ("1;Şapka ışık", "cp1254"),
    ],
)
def test_other_encodings_are_refused_rather_than_read_as_windows_1252(text, encoding):
    assert refusal(f"sku;title\n{text}\n".encode(encoding)) == ("unknown_encoding", 2)


@pytest.mark.parametrize("encoding", ["cp850", "mac-roman", "iso8859-2", "shift-jis"])
def test_declared_encodings_are_obeyed(encoding):
    text = {"iso8859-2": "sku\nŁyżka\n", "shift-jis": "sku\nシャツ\n"}.get(encoding, "sku\nCafé\n")
    decoded = decode(text.encode(encoding), encoding)
    assert (decoded.text, decoded.notes) == (text, ())


def test_declared_encoding_that_does_not_fit_is_refused_with_its_line():
    assert refusal(b"sku\nok\nA\xe9\n", "utf-8") == ("bad_bytes", 3)
    assert refusal(b"sku\nA\x81\n", "cp1252") == ("bad_bytes", 2)


def test_declaration_against_the_mark_is_refused():
    assert refusal(b"\xef\xbb\xbfsku\n", "cp1252")[0] == "encoding_mismatch"
    assert refusal("sku\n".encode("utf-16-le"), "utf-16")[0] == "encoding_mismatch"
    assert decode("sku\n".encode("utf-16"), "utf-16").text == "sku\n"
    assert decode(b"\xef\xbb\xbfsku\n", "utf-8").text == "sku\n"
    assert decode(b"\xef\xbb\xbfsku\n", "utf-8-sig").text == "sku\n"


def test_mixture_of_encodings_is_refused_at_the_odd_line():
    assert refusal("sku\nCafé\n".encode() + "Crème\n".encode("cp1252")) == ("mixed_encodings", 3)


@pytest.mark.parametrize(
    "raw, reason",
    [
        (b"", "empty_file"),
        (b" \r\n\x1a", "empty_file"),
        (b"%PDF-1.7 ...", "not_text"),
        (b"\xd0\xcf\x11\xe0 ...", "not_text"),
        (b"<!doctype html><html>", "markup"),
        (b"<?xml version='1.0'?><a/>", "markup"),
        (b'{"error": "no"}', "json"),
        (b"sku\nA\x00B\n", "nul_byte"),
        ("sku,price\nA1,10\n".encode("utf-16-be"), "utf16_without_mark"),
        (b"sku\nA\x07\n", "control_character"),
        (b"sku\nA\n\xef\xbb\xbfsku\nB\n", "joined_files"),
    ],
)
def test_what_is_no_table_is_refused(raw, reason):
    assert refusal(raw)[0] == reason


def test_end_mark_of_dos_is_taken_off():
    assert decode(b"sku\nA\n\x1a\x1a").text == "sku\nA\n"
