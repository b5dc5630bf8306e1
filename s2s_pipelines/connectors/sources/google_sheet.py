"""Google Sheets, read with a service account through gspread.

Facts: Sheets API v4 reference and gspread 6.2 source, as gathered in the sources research, section 9. One
``values:batchGet`` per read; it trims trailing empty cells, so rows are padded to the header. Values are read unformatted
by default: a number arrives as a number whatever the sheet's locale, and a code survives only if its column is formatted
as plain text, which is checked and noted. Quotas: 60 reads a minute per user; 429 carries ``RESOURCE_EXHAUSTED``.

A sheet published as a CSV address needs no account: read it with ``flat_file`` over HTTP.
"""

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, cast

from pydantic import Field

from s2s_pipelines.config.secret import Address, SecretRef, read_address
from s2s_pipelines.errors import AccessError, ConfigurationError, DataError, S2SError, TransientError
from s2s_pipelines.model.declared import Declared
from s2s_pipelines.model.field import Feed, ValueType, find_target
from s2s_pipelines.ports import BuildContext, Connector, Extract, Manifest, Page, Verified

if TYPE_CHECKING:
    from gspread.http_client import HTTPClient

MANIFEST = Manifest(
    kind="google_sheet",
    role="source",
    label="Google Sheets",
    capabilities=frozenset({"products", "stock", "prices", "customers"}),
    verified_against=(
        Verified("documentation", "Sheets API v4", "2026-11-21"),
        Verified("emulator", "the project's own stand-in, with the real gspread 6.2 client", "2026-11-21"),
    ),
)

SCOPE = "https://www.googleapis.com/auth/spreadsheets.readonly"


class TabSettings(Declared):
    """Where one feed stands in the spreadsheet."""

    tab: Annotated[str, Field(min_length=1, max_length=100)]
    """The tab's title."""
    header_row: Annotated[int, Field(ge=1, le=50)] = 1
    """The row that names the columns; rows above it are ignored."""


class Settings(Declared):
    """Connection to one spreadsheet."""

    kind: Literal["google_sheet"]
    spreadsheet: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{10,100}$")]
    """The id in the sheet's address; share the sheet with the service account's e-mail address."""
    credentials: SecretRef
    """The service account's JSON key."""
    feeds: dict[Feed, TabSettings]
    """Which tab holds which feed."""
    render: Literal["unformatted", "formatted"] = "unformatted"
    """``formatted`` reads what a person sees, in the sheet's locale; then declare ``numbers`` on the source."""
    api_url: Address = "https://sheets.googleapis.com"
    """Google's address; another one only for a stand-in."""
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 60
    """Seconds to wait for an answer."""
    max_bytes: Annotated[int, Field(gt=0)] = 64_000_000
    """The largest answer that is read."""


class GoogleSheetSource:
    """Reads feeds from the tabs of one spreadsheet."""

    def __init__(self, settings: Settings, context: BuildContext) -> None:
        self._settings = settings
        self._context = context

    def check(self) -> None:
        """Ask for the header rows only."""
        ranges = [f"{_quoted(t.tab)}" for t in self._settings.feeds.values()]
        self._batch_get(ranges, "check")

    def read(self, feed: Feed, since: str | None = None) -> Extract:
        """Read one tab whole; ``since`` is ignored, for a sheet has no cursor."""
        tab = self._settings.feeds.get(feed)
        if tab is None:
            raise ConfigurationError(
                f"no tab is declared for {feed}",
                client=self._context.client,
                connection=self._context.connection,
                operation=f"read {feed}",
                next_step=f"add feeds.{feed}.tab to the connection",
            )
        read_at = datetime.now(UTC)
        values = self._batch_get([_quoted(tab.tab)], f"read {feed}")[0]
        header, body = self._header(values, tab, feed)
        columns: dict[str, list[str | None]] = {name: [] for name in header}
        rows: list[int] = []
        numeric_codes: dict[str, int] = {}
        codes = {f.column for f in self._context.fields.get(feed, ()) if _is_code(f.target)}
        for number, cells in enumerate(body, start=tab.header_row + 1):
            if all(cell == "" for cell in cells):
                continue
            if any(cell != "" for cell in cells[len(header) :]):
                self._fail(
                    DataError(f"row {number} of tab {tab.tab} has cells beyond the header", next_step="name them"), feed
                )
            rows.append(number)
            for place, name in enumerate(header):
                cell = cells[place] if place < len(cells) else ""
                if name in codes and isinstance(cell, int | Decimal) and not isinstance(cell, bool):
                    numeric_codes[name] = numeric_codes.get(name, 0) + 1
                columns[name].append(_text(cell))
        return self._extract(feed, read_at, columns, rows, numeric_codes)

    def _extract(
        self,
        feed: Feed,
        read_at: datetime,
        columns: dict[str, list[str | None]],
        rows: list[int],
        numeric_codes: dict[str, int],
    ) -> Extract:
        import pyarrow as pa

        notes = tuple(
            f"{count} cells of column {name} are numbers, not text: leading zeros are already lost; format it as plain text"
            for name, count in sorted(numeric_codes.items())
        )
        digest = hashlib.sha256(json.dumps([list(columns), *columns.values()]).encode()).hexdigest()
        return Extract(
            feed=feed,
            table=pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()}),
            rows=pa.array(rows, pa.int64()),
            read_at=read_at,
            is_complete=True,
            fingerprint=digest,
            notes=notes,
        )

    def _header(self, values: list[list[Any]], tab: TabSettings, feed: Feed) -> tuple[list[str], list[list[Any]]]:
        if len(values) < tab.header_row:
            self._fail(
                DataError(f"tab {tab.tab} has no header in row {tab.header_row}", next_step="restore the header"), feed
            )
        header = [(_text(cell) or "").strip() for cell in values[tab.header_row - 1]]
        bad = [name or "(blank)" for name in header if not name or header.count(name) > 1]
        if bad or not header:
            self._fail(
                DataError(
                    f"tab {tab.tab} has a blank or repeated column name in row {tab.header_row}: {', '.join(sorted(set(bad)))}",
                    next_step="give every column one name of its own",
                ),
                feed,
            )
        return header, values[tab.header_row :]

    def _fail(self, error: S2SError, feed: Feed) -> NoReturn:
        raise error.located(client=self._context.client, connection=self._context.connection, operation=f"read {feed}")

    def _batch_get(self, ranges: list[str], operation: str) -> list[list[list[Any]]]:
        import requests
        from google.auth.exceptions import GoogleAuthError, RefreshError
        from gspread.exceptions import APIError

        render = "UNFORMATTED_VALUE" if self._settings.render == "unformatted" else "FORMATTED_VALUE"
        try:
            answer = self._client().values_batch_get(
                self._settings.spreadsheet, ranges, params={"valueRenderOption": render, "majorDimension": "ROWS"}
            )
        except APIError as error:
            raise self._located(_translate(error), operation) from None
        except ValueError:
            raise self._located(TransientError("Google's answer was not JSON"), operation) from None
        except RefreshError:
            raise self._located(
                AccessError("Google refused the service account", next_step="renew the key and refer to the new one"),
                operation,
            ) from None
        except (requests.RequestException, GoogleAuthError) as error:
            raise self._located(
                TransientError(f"Google could not be reached: {type(error).__name__}"), operation
            ) from None
        found = answer.get("valueRanges", [])
        if len(found) != len(ranges):
            raise self._located(TransientError("Google answered for fewer tabs than asked"), operation)
        return [cast("list[list[Any]]", entry.get("values", [])) for entry in found]

    def _located(self, error: S2SError, operation: str) -> S2SError:
        return error.located(client=self._context.client, connection=self._context.connection, operation=operation)

    def _client(self) -> "HTTPClient":
        from google.oauth2.service_account import Credentials

        try:
            account = json.loads(self._settings.credentials.reveal())
            credentials = Credentials.from_service_account_info(account, scopes=[SCOPE])  # type: ignore[no-untyped-call] # google-auth has no types here
        except ValueError:
            raise ConfigurationError(
                "the service account's key is not a JSON key file of Google's",
                client=self._context.client,
                connection=self._context.connection,
                next_step="download the key again and refer to it",
            ) from None
        return _bounded_client(credentials, self._settings)


def _bounded_client(credentials: Any, settings: Settings) -> "HTTPClient":
    import requests
    from google.auth.transport.requests import Request
    from gspread.exceptions import APIError
    from gspread.http_client import HTTPClient
    from gspread.urls import SPREADSHEETS_API_V4_BASE_URL as BASE

    home = BASE.split("/v4/")[0]
    api_url = read_address(settings.api_url).rstrip("/")

    class BoundedClient(HTTPClient):
        """gspread's client at the declared address, with a bounded answer whose decimals stay exact."""

        def request(self, method: str, endpoint: str, params: Any = None, *_: Any, **__: Any) -> Any:
            url = endpoint.replace(home, api_url, 1)
            response = self.session.request(method=method, url=url, params=params, timeout=self.timeout, stream=True)
            content = _bounded(response, settings.max_bytes)
            # requests offers no public way to hand back content that was read in pieces.
            response._content = content
            if not response.ok:
                raise APIError(response)
            decoded = json.loads(content, parse_float=Decimal)
            response.json = lambda **_: decoded  # type: ignore[method-assign] # gspread calls json() itself
            return response

    # A token of our own in a plain session: google-auth's session would also look up where the account may be used from,
    # at an address that nobody declared.
    session = requests.Session()
    credentials.refresh(Request())
    session.headers["Authorization"] = f"Bearer {credentials.token}"
    client = BoundedClient(credentials, session=session)
    client.set_timeout(settings.timeout_s)
    return client


def _bounded(response: Any, max_bytes: int) -> bytes:
    content = bytearray()
    for chunk in response.iter_content(1 << 16):
        content += chunk
        if len(content) > max_bytes:
            response.close()
            raise DataError(f"the sheet's answer is larger than {max_bytes} bytes", next_step="raise max_bytes")
    return bytes(content)


def _translate(error: Any) -> S2SError:
    code = int(getattr(error, "code", 0) or 0)
    if code in (401, 403):
        return AccessError(
            f"Google refused access to the spreadsheet (HTTP {code})",
            next_step="share the sheet with the service account",
        )
    if code == 404:
        return ConfigurationError(
            "there is no spreadsheet of this id", next_step="correct spreadsheet in the connection"
        )
    if code == 400:
        return ConfigurationError(
            "a declared tab does not exist in the spreadsheet", next_step="correct feeds.<feed>.tab"
        )
    after = error.response.headers.get("Retry-After", "")
    return TransientError(f"Google answered HTTP {code}", retry_after_s=float(after) if after.isdigit() else None)


def _quoted(tab: str) -> str:
    return "'" + tab.replace("'", "''") + "'"


def _is_code(target: str) -> bool:
    found = find_target(target)
    return found is not None and found.type is ValueType.CODE


def _text(cell: Any) -> str | None:
    """A cell as text: blank is null, a whole number has no decimals, true and false are words."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, Decimal):
        if abs(cell.adjusted()) > 40:  # no cell of a catalogue; written out it could fill the memory
            return str(cell)
        return str(int(cell)) if cell == cell.to_integral_value() else format(cell, "f")
    return str(cell)


def page_of(settings: object, page: Page, code: str | None = None) -> str | None:
    """The sheet as people open it."""
    if isinstance(settings, Settings) and page == "products":
        return f"https://docs.google.com/spreadsheets/d/{settings.spreadsheet}"
    return None


def build(settings: object, context: BuildContext) -> GoogleSheetSource:
    """Make the source; nothing is contacted before its first call."""
    return GoogleSheetSource(cast("Settings", settings), context)


CONNECTOR = Connector(manifest=MANIFEST, settings=Settings, build=build, page_of=page_of)
