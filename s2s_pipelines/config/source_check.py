"""What must be true between the keys of a source, its connection, and the other sources."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from s2s_pipelines.config.declaration import SourceDeclaration
from s2s_pipelines.config.draft import Draft
from s2s_pipelines.config.problem import Problem
from s2s_pipelines.config.yaml_file import Path
from s2s_pipelines.model.field import FAMILIES, TARGETS, Level, find_target, flag_name, near_miss

_IDENTITY = ("source_product_code", "source_variant_code", "variants.sku")
ANY_FIELD = "*"
"""The flag that stands for every field without one of its own (``catalogue.ownership``)."""
_PRODUCT_LEVELS = (Level.PRODUCT, Level.VARIANT)


def check_sources(draft: Draft) -> Iterator[Problem]:
    """Problems of all sources, one at a time and against each other."""
    for key, source in draft.declaration.sources.items():
        path: Path = ("sources", key)
        yield from _check_connection(draft, path, source)
        yield from _check_feeds(draft, path, source)
        yield from _check_flags(draft, path, key, source)
        yield from (_check_linked if source.role == "linked" else _check_primary)(draft, path, source)
        yield from _check_orders(draft, path, source)
        if source.numbers.decimal_mark == source.numbers.thousands_mark:
            yield draft.problem(
                (*path, "numbers"),
                f"`{source.numbers.decimal_mark}` cannot stand before decimals and between thousands",
                "declare the two marks the source really uses",
            )
    yield from _check_precedence(draft)


def check_named_connection(draft: Draft, path: Path, connection: str, role: str) -> Iterator[Problem]:
    """The connection a source or channel names must be declared, and of a kind that fits.

    Args:
        draft: the client.
        path: the source or channel.
        connection: the key it names.
        role: ``source`` or ``channel``.
    """
    at = (*path, "connection")
    if connection not in draft.named:
        names = sorted(draft.named)
        yield draft.problem(
            at,
            f"the connection `{connection}` is not declared in {draft.resource_file}",
            f"declare it there, or use one of: {', '.join(names)}",
            near=near_miss(connection, names),
        )
    elif connection in draft.kinds and draft.kinds[connection].manifest.role != role:
        manifest = draft.kinds[connection].manifest
        yield draft.problem(
            at,
            f"the connection `{connection}` is a {manifest.role} ({manifest.label}), and a {role} is needed here",
            f"name a connection whose kind is a {role}",
        )


def _check_connection(draft: Draft, path: Path, source: SourceDeclaration) -> Iterator[Problem]:
    yield from check_named_connection(draft, path, source.connection, "source")


def _check_feeds(draft: Draft, path: Path, source: SourceDeclaration) -> Iterator[Problem]:
    for feed, declared in source.feeds.items():
        at = (*path, "feeds", feed)
        if draft.has_capability(source.connection, feed) is False:
            manifest = draft.kinds[source.connection].manifest
            offered = sorted(c for c in manifest.capabilities if c not in ("orders", "incremental"))
            yield draft.problem(at, f"{manifest.label} does not offer {feed}", f"it offers: {', '.join(offered)}")
        elif feed not in (found := _settings_feeds(draft, source)):
            yield draft.problem(
                at,
                f"the connection `{source.connection}` declares no feed {feed}",
                f"add connections.{source.connection}.feeds.{feed} in {draft.resource_file}",
                near=near_miss(feed, list(found)),
            )
        if declared.absent == "zero" and feed != "stock":
            yield draft.problem(
                (*at, "absent"), f"only stock can be zero by absence, not {feed}", "take `absent` out, or use keep"
            )


def _settings_feeds(draft: Draft, source: SourceDeclaration) -> list[str]:
    """Feeds the connection's settings know; all declared ones where the settings do not tell feeds apart.

    Settings tell feeds apart by an attribute ``feeds``; those with a ``location`` read every feed from it when it is empty.
    """
    settings = draft.connections.get(source.connection)
    feeds = getattr(settings, "feeds", None)
    is_told = isinstance(feeds, Mapping) and (bool(feeds) or not hasattr(settings, "location"))
    return list(feeds) if is_told and feeds is not None else list(source.feeds)


def is_flag(name: str) -> bool:
    """Whether ownership of a field of that name can be declared.

    >>> is_flag("variants.qty"), is_flag("images"), is_flag("image3"), is_flag("*")
    (True, True, False, True)
    """
    if name in ("images", ANY_FIELD):
        return True
    found = find_target(name)
    return found is not None and found.level in _PRODUCT_LEVELS and flag_name(name) == name


def flag_names() -> list[str]:
    """Names of the vocabulary whose ownership can be declared, families by their spelling."""
    fixed = [t.name for t in TARGETS.values() if t.level in _PRODUCT_LEVELS]
    return [*fixed, "images", *(f.spelling for f in FAMILIES if f.prefix != "image")]


def unknown_field(draft: Draft, path: Path, name: str) -> Problem:
    """The problem of a flag or rule on a field the vocabulary does not know."""
    near = "images" if flag_name(name) == "images" else near_miss(name, flag_names())
    bare = next((known for known in flag_names() if known.rpartition(".")[2] == name), None)
    return draft.problem(
        path, f"`{name}` is not a field of a product or variant", "use a name of the vocabulary", near=near or bare
    )


def _check_flags(draft: Draft, path: Path, key: str, source: SourceDeclaration) -> Iterator[Problem]:
    mapped = {flag_name(target) for target in draft.mapped_targets(key)}
    for name, flag in source.flags.items():
        at = (*path, "flags", name)
        if not is_flag(name):
            yield unknown_field(draft, at, name)
        elif name in _IDENTITY and source.role == "linked" and flag == "source":
            yield draft.problem(
                at, f"a linked source cannot own `{name}`: it finds products by it", f"take `{name}` out of flags"
            )
        elif flag == "source" and name != ANY_FIELD and name not in mapped and "csv_price_tiers" not in mapped:
            yield draft.problem(
                at,
                f"`{key}` is to own `{name}`, and no field map of it reaches `{name}`",
                f"map a column to it, or take `{name}` out of flags",
                severity="warning",
            )


def _check_primary(draft: Draft, path: Path, source: SourceDeclaration) -> Iterator[Problem]:
    for name, value in (("of", source.of), ("precedence", source.precedence)):
        if value is not None:
            yield draft.problem(
                (*path, name), f"`{name}` is for linked sources, and this one is primary", f"take `{name}` out"
            )
    if "products" not in source.feeds:
        yield draft.problem(
            (*path, "feeds"), "a primary source owns products, and reads none", "add the feed products, or link it"
        )


def _check_linked(draft: Draft, path: Path, source: SourceDeclaration) -> Iterator[Problem]:
    if source.of is None:
        yield draft.problem(
            path,
            "`of` is missing: a linked source updates the products of a primary one",
            _one_of(draft.primaries, "of"),
        )
    elif source.of not in draft.primaries:
        is_source = source.of in draft.declaration.sources
        what = "is linked itself" if is_source else "is not a source of this client"
        yield draft.problem(
            (*path, "of"),
            f"`{source.of}` {what}",
            _one_of(draft.primaries, "of"),
            near=near_miss(source.of, draft.primaries),
        )
    if source.precedence is None:
        yield draft.problem(path, "`precedence` is missing", "add `precedence: 1`, the strongest, or a weaker number")
    if source.orders is not None:
        yield draft.problem(
            (*path, "orders"),
            "a linked source never takes orders",
            "take `orders` out; its products' orders go to the primary source",
        )
    if "customers" in source.feeds:
        yield draft.problem(
            (*path, "feeds", "customers"),
            "a linked source updates products only",
            "read customers from a primary source",
        )
    if "source" not in source.flags.values():
        yield draft.problem(
            path,
            "this linked source owns no field, so nothing of it is used",
            "flag what it owns, such as `flags: {variants.qty: source}`",
            severity="warning",
        )


def _one_of(names: list[str], key: str) -> str:
    return f"write `{key}:` and one of: {', '.join(names)}" if names else "declare a primary source first"


def _check_precedence(draft: Draft) -> Iterator[Problem]:
    seen: dict[tuple[str, int], str] = {}
    for key, source in draft.declaration.sources.items():
        if source.role != "linked" or source.of is None or source.precedence is None:
            continue
        first = seen.setdefault((source.of, source.precedence), key)
        if first != key:
            yield draft.problem(
                ("sources", key, "precedence"),
                f"`{first}` has precedence {source.precedence} among the sources linked to `{source.of}` already",
                "give each linked source a number of its own",
            )


def _check_orders(draft: Draft, path: Path, source: SourceDeclaration) -> Iterator[Problem]:
    orders, kind = source.orders, draft.kinds.get(source.connection)
    if orders is None or source.role == "linked":
        return
    at = (*path, "orders")
    if orders.raised_here == "yes" and kind is not None:
        manifest = kind.manifest
        if "orders" not in manifest.capabilities:
            yield draft.problem(
                at,
                f"{manifest.label} takes no orders",
                "use a connection that does, or declare `orders: {raised_here: not_here}`",
            )
        elif orders.document not in manifest.document_kinds:
            yield draft.problem(
                (*at, "document"),
                f"{manifest.label} cannot raise a document of kind {orders.document}",
                f"use one of: {', '.join(manifest.document_kinds)}",
                near=near_miss(orders.document, list(manifest.document_kinds)),
            )
        elif getattr(draft.connections.get(source.connection), "orders", True) is None:
            yield draft.problem(
                at,
                f"the connection `{source.connection}` does not say where documents are written",
                f"add connections.{source.connection}.orders in {draft.resource_file}",
            )
    yield from _check_tax_codes(draft, at, source)


def _check_tax_codes(draft: Draft, path: Path, source: SourceDeclaration) -> Iterator[Problem]:
    codes = source.orders.tax_codes if source.orders is not None else {}
    standard = draft.declaration.terms.tax_rate
    if codes and standard not in [Decimal(rate) for rate in codes]:
        yield draft.problem(
            (*path, "tax_codes"),
            f"the client's standard rate {standard} has no tax code",
            f'add "{standard}" and the code the target uses for it',
            severity="warning",
        )
