"""A local stand-in for Google's token endpoint and the read side of the Sheets API v4, as the real gspread client uses them.

What it answers follows Google's public reference: ``values:batchGet`` trims trailing empty cells and rows, an unknown tab is
400 ``INVALID_ARGUMENT``, an unknown spreadsheet 404, one not shared with the account 403, a bad token 401. The token endpoint
checks the signature, audience, expiry and scope of the account's assertion. It was never compared with the real service
side by side. Writing is not offered: a read-only scope is refused there with 403, as Google does.
"""

import json
import re
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

Cell = str | int | float | bool | None
READ_SCOPES = {
    "https://www.googleapis.com/auth/spreadsheets.readonly",
    "https://www.googleapis.com/auth/spreadsheets",
}
_RANGE = re.compile(r"^(?:'(?P<quoted>(?:[^']|'')+)'|(?P<plain>[^!']+))(?:!(?P<cells>[A-Z]+\d*:[A-Z]+\d*))?$")


class GoogleSheetsSandbox:
    """Spreadsheets kept as one JSON file per id below a folder; changes made there show at the next read.

    Args:
        folder: where spreadsheets, the invented service account and its key are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._tokens: dict[str, tuple[float, frozenset[str]]] = {}
        self.reads = 0
        self.answer_next: list[tuple[int, str]] = []
        """Faults to give instead of the next answers: (HTTP status, Google's status word)."""

    # -- the person's side ----------------------------------------------------------------------------------------

    def write(self, spreadsheet: str, tab: str, rows: list[list[Cell]], *, shared: bool = True) -> None:
        """Replace one tab of a spreadsheet, making both if need be."""
        path = self._path(spreadsheet)
        book = json.loads(path.read_text()) if path.exists() else {"tabs": {}}
        book["shared"] = shared
        book["tabs"][tab] = rows
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(book))
        fresh.replace(path)

    def service_account(self, base_url: str) -> str:
        """The JSON key file of an invented service account whose token endpoint is this stand-in at ``base_url``."""
        private, _ = self._keys()
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "sandbox",
                "private_key_id": "sandbox-key",
                "private_key": private,
                "client_email": "reader@sandbox.example.com",
                "client_id": "1",
                "token_uri": f"{base_url}/token",
            }
        )

    def _path(self, spreadsheet: str) -> Path:
        return self.folder / f"{re.sub(r'[^A-Za-z0-9_-]', '_', spreadsheet)}.json"

    def _keys(self) -> tuple[str, Any]:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        path = self.folder / "account.pem"
        if not path.exists():
            made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            path.write_bytes(
                made.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            )
        text = path.read_text()
        loaded = serialization.load_pem_private_key(text.encode(), password=None)
        return text, loaded.public_key()

    # -- the service's side ---------------------------------------------------------------------------------------

    def app(self) -> "Starlette":
        """The ASGI application."""
        from starlette.applications import Starlette
        from starlette.routing import Route

        return Starlette(
            routes=[
                Route("/token", self._token, methods=["POST"]),
                Route("/v4/spreadsheets/{spreadsheet}/values:batchGet", self._batch_get, methods=["GET"]),
                Route("/v4/spreadsheets/{rest:path}", self._refuse_writing, methods=["POST", "PUT"]),
            ]
        )

    async def _token(self, request: "Request") -> "Response":
        from starlette.responses import JSONResponse

        form = parse_qs((await request.body()).decode("ascii", "replace"))
        claims = self._claims(form.get("assertion", [""])[0])
        if claims is None or claims.get("exp", 0) < time.time() or not str(claims.get("aud", "")).endswith("/token"):
            return JSONResponse({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400)
        token = secrets.token_urlsafe(24)
        self._tokens[token] = (time.time() + 3600, frozenset(str(claims.get("scope", "")).split()))
        return JSONResponse({"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    def _claims(self, assertion: str) -> dict[str, Any] | None:
        from google.auth import jwt

        _, public = self._keys()
        from cryptography.hazmat.primitives import serialization

        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        try:
            return dict(jwt.decode(assertion, certs=pem, verify=True))  # type: ignore[no-untyped-call] # google-auth has no types here
        except ValueError:
            return None

    def _scopes(self, request: "Request") -> frozenset[str] | None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        until, scopes = self._tokens.get(token, (0.0, frozenset()))
        return scopes if kind == "Bearer" and until > time.time() else None

    async def _batch_get(self, request: "Request") -> "Response":
        from starlette.responses import JSONResponse

        self.reads += 1
        if self.answer_next:
            return _error(*self.answer_next.pop(0), "The service could not answer.")
        scopes = self._scopes(request)
        if scopes is None:
            return _error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if not scopes & READ_SCOPES:
            return _error(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.")
        spreadsheet = request.path_params["spreadsheet"]
        path = self._path(spreadsheet)
        if not path.exists():
            return _error(404, "NOT_FOUND", "Requested entity was not found.")
        book = json.loads(path.read_text())
        if not book["shared"]:
            return _error(403, "PERMISSION_DENIED", "The caller does not have permission")
        formatted = request.query_params.get("valueRenderOption", "FORMATTED_VALUE") == "FORMATTED_VALUE"
        found = []
        for wanted in request.query_params.getlist("ranges"):
            match = _RANGE.match(unquote(wanted))
            tab = (match["plain"] or match["quoted"].replace("''", "'")) if match else None
            if tab is None or tab not in book["tabs"] or (match and match["cells"]):
                return _error(400, "INVALID_ARGUMENT", f"Unable to parse range: {wanted}")
            found.append(_value_range(tab, book["tabs"][tab], formatted=formatted))
        return JSONResponse({"spreadsheetId": spreadsheet, "valueRanges": found})

    async def _refuse_writing(self, request: "Request") -> "Response":
        return _error(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.")


def _error(code: int, status: str, message: str) -> "Response":
    from starlette.responses import JSONResponse

    headers = {"Retry-After": "7"} if code == 429 else None
    return JSONResponse({"error": {"code": code, "message": message, "status": status}}, code, headers)


def _value_range(tab: str, rows: list[list[Cell]], *, formatted: bool) -> dict[str, Any]:
    trimmed = [_trim([_shown(cell) if formatted else ("" if cell is None else cell) for cell in row]) for row in rows]
    while trimmed and not trimmed[-1]:
        trimmed.pop()
    found: dict[str, Any] = {"range": f"'{tab}'!A1:Z{max(len(rows), 1000)}", "majorDimension": "ROWS"}
    if trimmed:  # Google leaves the key out when there is nothing
        found["values"] = trimmed
    return found


def _trim(row: list[Any]) -> list[Any]:
    while row and row[-1] == "":
        row.pop()
    return row


def _shown(cell: Cell) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    return "" if cell is None else str(cell)
