"""What must be true of a source's effective field maps, the connector's own rows and the client's together."""

from collections.abc import Iterator

from s2s_pipelines.config.declaration import SourceDeclaration
from s2s_pipelines.config.draft import Draft
from s2s_pipelines.config.field_map import FieldMap
from s2s_pipelines.config.problem import Problem
from s2s_pipelines.model.field import MAP_FEEDS, FieldRow, Level, MapFeed, find_target, minimum_targets

_IDENTITY = ("variants.sku", "source_variant_code", "source_product_code", "source_customer_code")
_MATCHED_BY = {"sku": ("variants.sku",), "code": ("source_variant_code", "source_product_code")}


def check_fields(draft: Draft) -> Iterator[Problem]:
    """Problems of the field maps of all sources."""
    for key, source in draft.declaration.sources.items():
        if key in draft.bad_maps:
            continue
        own = draft.own_maps.get(key, FieldMap(""))
        maps = draft.fields.get(key, {})
        yield from _check_unread(own, source, draft)
        for feed in needed_maps(draft, source):
            rows = maps.get(feed, ())
            yield from _check_reach(draft, key, source, feed, rows, own)
            yield from _check_rows(draft, key, feed, rows, own)
        yield from _check_ignored(draft, key, source, own)


def needed_maps(draft: Draft, source: SourceDeclaration) -> list[MapFeed]:
    """The feeds of a source that need a field map: those it reads, and its orders if they are raised."""
    return [feed for feed in MAP_FEEDS if (draft.takes_orders(source) if feed == "orders" else feed in source.feeds)]


def _place(draft: Draft, key: str, feed: MapFeed, own: FieldMap, row: FieldRow | None = None) -> tuple[str, int, str]:
    """File, line and path to point at: the client's own row if there is one, else the feed in ``client.yaml``."""
    path = ("sources", key, "orders") if feed == "orders" else ("sources", key, "feeds", feed)
    if row is not None and row in own.lines:
        return own.file, own.lines[row], f"{feed}.{row.target}"
    return draft.client_file, draft.client_tree.line_of(path), ".".join(path)


def _check_unread(own: FieldMap, source: SourceDeclaration, draft: Draft) -> Iterator[Problem]:
    needed = needed_maps(draft, source)
    told: set[str] = set()
    for row in own.rows:
        if row.feed in needed or row.feed in told:
            continue
        told.add(row.feed)
        what = "takes no orders" if row.feed == "orders" else f"does not read {row.feed}"
        yield Problem(
            own.file,
            own.lines[row],
            row.feed,
            f"rows for {row.feed}, and the source {what}",
            None,
            "take the rows out, or declare it in client.yaml",
            "warning",
        )


def _check_reach(
    draft: Draft, key: str, source: SourceDeclaration, feed: MapFeed, rows: tuple[FieldRow, ...], own: FieldMap
) -> Iterator[Problem]:
    targets = {row.target for row in rows}
    file, line, path = _place(draft, key, feed, own)
    rows_for = f"add rows for {feed} to assets/{draft.declaration.client}/fields/{key}.csv"
    if not rows:
        yield Problem(file, line, path, f"no field map says what the columns of {feed} mean", None, rows_for)
        return
    missing = _missing(draft, source, feed, targets)
    if missing:
        yield Problem(file, line, path, f"the map of {feed} does not reach {', '.join(missing)}", None, rows_for)


def _missing(draft: Draft, source: SourceDeclaration, feed: MapFeed, targets: set[str]) -> list[str]:
    """What the map does not reach, alternatives joined by ``or``."""
    if feed == "orders":
        missing = [t for t in minimum_targets(feed) if t not in targets]
        return missing + _missing_reference(draft, source, targets)
    if feed == "customers" or (feed == "products" and source.role == "primary"):
        return [t for t in minimum_targets(feed) if t not in targets]
    keys = _MATCHED_BY[source.match] if source.role == "linked" else ("variants.sku", "source_variant_code")
    missing = [] if targets.intersection(keys) else [" or ".join(keys)]
    if feed == "stock" and not any(t == "variants.qty" or t.startswith("qty_") for t in targets):
        missing.append("variants.qty or qty_<warehouse>")
    if feed == "prices" and not any(
        t in ("variants.retail_price", "csv_price_tiers") or t.startswith("price_") for t in targets
    ):
        missing.append("variants.retail_price or price_<tier>")
    return missing


def _missing_reference(draft: Draft, source: SourceDeclaration, targets: set[str]) -> list[str]:
    """Without the external reference on the document, an order whose outcome is unknown could never be looked up."""
    kind = draft.kinds.get(source.connection)
    has_field = kind is not None and kind.manifest.reference_length > 0
    return ["external_reference"] if has_field and "external_reference" not in targets else []


def _check_rows(draft: Draft, key: str, feed: MapFeed, rows: tuple[FieldRow, ...], own: FieldMap) -> Iterator[Problem]:
    from s2s_pipelines.catalogue.linter import lint_names

    for row in rows:
        file, line, path = _place(draft, key, feed, own, row)
        if feed != "orders" and row.constant is not None and row.target in _IDENTITY:
            message = f"`{row.target}` tells rows apart and cannot be the same for all"
            yield Problem(file, line, path, message, None, "map the source's own column to it")
        target = find_target(row.target)
        if feed == "orders" and target is not None and target.level is Level.LINE and not _is_line(row):
            message = f"`{row.target}` differs from line to line, and {row.column} is a column of the header"
            yield Problem(file, line, path, message, None, "write line.<column>")
    by_target = {row.target: row for row in rows}
    for finding in lint_names(rows):
        file, line, path = _place(draft, key, feed, own, by_target.get(finding.target))
        yield Problem(file, line, path, finding.message, None, finding.fix)


def _is_line(row: FieldRow) -> bool:
    return row.column is not None and row.column.startswith("line.")


def _check_ignored(draft: Draft, key: str, source: SourceDeclaration, own: FieldMap) -> Iterator[Problem]:
    for feed, declared in source.feeds.items():
        rows = draft.fields.get(key, {}).get(feed, ())
        for i, column in enumerate(declared.ignore):
            row = next((r for r in rows if r.column == column), None)
            if row is None:
                continue
            line = own.lines.get(row)
            where = f" (line {line} of {own.file})" if line else ""
            yield draft.problem(
                ("sources", key, "feeds", feed, "ignore", i),
                f"the column {column} is ignored and mapped to {row.target}{where}",
                "take it out of one of the two",
            )
