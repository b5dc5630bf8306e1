"""Takes secrets and personal details out of text that may reach a log, an event or a screen."""

import re
from base64 import b64encode
from collections.abc import Iterable
from itertools import permutations
from urllib.parse import quote, quote_plus

MASK = "***"

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b(authorization\s*[:=]\s*)[^\r\n]+"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b(basic|bearer)\s+[A-Za-z0-9+/=._~-]{8,}"), rf"\1 {MASK}"),
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^/\s@\"'<>]+@"), rf"\1{MASK}@"),
    (re.compile(r"\?[^\s\"'<>)\]]*=[^\s\"'<>)\]]*"), f"?{MASK}"),
    (re.compile(r"\b(?:ck|cs)_[0-9A-Za-z]{8,}"), MASK),
    (re.compile(r"[^\s\"'<>@,;:()]+@[^\s\"'<>@,;:()]+\.[A-Za-z]{2,}"), "<e-mail>"),
)


class Redactor:
    """Masks known secrets, the longest first, and whatever looks like a credential, a query string or an e-mail address.

    A secret is masked as it stands, percent-encoded and as part of Basic credentials. Texts of three characters or fewer
    are no secrets and stay.

    Args:
        secrets: passwords, keys and tokens that must never be shown.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        plain = sorted({s for s in secrets if len(s) > 3})
        spellings = set(plain)
        spellings.update(quote(s, safe="") for s in plain)
        spellings.update(quote_plus(s) for s in plain)
        spellings.update(b64encode(f"{a}:{b}".encode()).decode() for a, b in permutations(plain, 2))
        self._spellings = sorted(spellings, key=lambda s: (-len(s), s))

    def clean(self, text: str, limit: int = 300) -> str:
        """The text on one line, without secrets, at most ``limit`` characters.

        >>> Redactor(["abcd", "abcdef"]).clean("key abcdef, see https://shop.example/x?token=1")
        'key ***, see https://shop.example/x?***'
        """
        for spelling in self._spellings:
            text = text.replace(spelling, MASK)
        for pattern, mask in _RULES:
            text = pattern.sub(mask, text)
        text = " ".join(text.split())
        return text if len(text) <= limit else text[: limit - 1] + "…"
