"""The page ``docs/declarations.md``: every key, target and transform, written from the models so that it cannot lag."""

import types
from collections.abc import Iterator, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from s2s_pipelines.config.declaration import ClientDeclaration
from s2s_pipelines.config.explanation import fields_of, flat_types, is_mapping, is_model
from s2s_pipelines.config.field_map import COLUMNS
from s2s_pipelines.config.operations import Operations
from s2s_pipelines.config.secret import SecretRef
from s2s_pipelines.model.field import FAMILIES, MAP_FEEDS, TARGETS, MapFeed
from s2s_pipelines.ports import Connector

_INTRO = """# Declarations

<!-- Written by `s2s schema --page docs/declarations.md` from the models; edit those instead. -->

A client is two files and, where its sources need them, field maps and queries:

| file | says |
| --- | --- |
| `assets/<client>/client.yaml` | what is made: sources and their roles, ownership of fields, channels, rules, rhythms |
| `assets/<client>/fields/<source>.csv` | what the columns of a source mean, as far as its connector does not know |
| `assets/<client>/queries/*.sql` | the client's own queries, where a connection names them |
| `resources/<client>.yaml` | what the client is connected to: kinds, addresses, limits, references to secrets |

`s2s check` judges all of them without a network. A client with an error does not load and says why; every other client
loads as if it were not there.

Of YAML the files use mappings, lists and scalars. Unquoted, only `null`, `true`, `false` and whole numbers without leading
zeros are anything but text, so `0042` stays a code and `0.20` becomes a decimal without passing through a float.
Repeated and unknown keys, anchors, aliases, merge keys and tags are refused. Keys that name something (clients,
sources, channels, connections) are snake case, at most 40 characters. Durations are ISO 8601 without months and years:
`PT15S`, `PT3M`, `PT1H`, `P1D`, `P7D`. A secret is never written down: `{env: NAME}` or `{file: path}`.
"""
_WORDS: Mapping[Any, str] = {
    str: "text",
    int: "whole number",
    bool: "true or false",
    float: "number",
    Decimal: "decimal",
    timedelta: "duration",
    time: "time of day, `HH:MM`",
    date: "day, `YYYY-MM-DD`",
    Any: "anything",
}


def reference_page(kinds: Mapping[str, Connector]) -> str:
    """The whole page as Markdown.

    Args:
        kinds: connectors by the word that ``kind`` may say.
    """
    parts = [_INTRO, "## client.yaml\n", *_sections(ClientDeclaration, set())]
    parts += ["## resources/<client>.yaml\n", _CONNECTIONS]
    told: set[type[BaseModel]] = {SecretRef}
    parts += _section(SecretRef)
    for kind, connector in sorted(kinds.items()):
        parts += [f"### kind: {kind}\n", f"{connector.manifest.label}.\n", *_sections(connector.settings, told, kind)]
    parts += ["## Field maps\n", _FIELD_MAPS, *_targets(), *_transforms()]
    return "\n".join(parts).rstrip() + "\n"


def operations_tables() -> str:
    """Every key of ``operations.yaml`` as Markdown."""
    return "\n".join(_sections(Operations, {SecretRef})).rstrip()


_CONNECTIONS = """One key, `connections`: a mapping of connection keys to connections. Each has a `kind`, and then the keys
of that kind.
"""
_FIELD_MAPS = f"""The header is `{",".join(COLUMNS)}`. Each row feeds one target: from a `column` of the source, or from
a `constant`. One column may feed several targets; a target is fed once, or by several rows that are added up (`sum`,
`subtract`). The client's rows replace the connector's own rows for the same feed and target. For `orders` the direction
is reversed: `column` is `header.<column>` or `line.<column>` of the ERP's tables, and receives the target.

A column that is neither mapped nor listed under the feed's `ignore` stops the feed, and so does a mapped column that is
missing. A map that feeds a quantity from a column named like a price, or the reverse, is refused.
"""


def _sections(model: Any, told: set[type[BaseModel]], kind: str = "") -> Iterator[str]:
    """A table per model, the outermost first; a model that was told already is not repeated."""
    waiting = [model]
    while waiting:
        current = waiting.pop(0)
        if current in told:
            continue
        told.add(current)
        yield from _section(
            current, f"{kind}: " if kind and current is not model else "", is_titled=current is not model
        )
        waiting += [child for field in fields_of(current).values() for child in _models_in(field.annotation)]


def _section(model: type[BaseModel], prefix: str = "", *, is_titled: bool = True) -> Iterator[str]:
    if is_titled:
        yield f"#### {prefix}{_title(model)}\n"
    yield _prose(model.__doc__ or "").partition("\n\n")[0] + "\n"
    yield "| key | value | default | meaning |\n| --- | --- | --- | --- |"
    for name, field in fields_of(model).items():
        yield f"| `{name}` | {spell_type(field.annotation)} | {_default(field)} | {_cell(field.description or '')} |"
    yield ""


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = []
    for member in flat_types(annotation):
        if is_model(member):
            found.append(member)
        else:
            found += [model for part in get_args(member) if not isinstance(part, str) for model in _models_in(part)]
    return found


def _title(model: type[BaseModel]) -> str:
    return model.__name__.removesuffix("Declaration")


def spell_type(annotation: Any) -> str:
    """What may be written, in words.

    >>> spell_type(tuple[str, ...]), spell_type(Literal["incl", "excl"] | None)
    ('list of text', '`incl`, `excl`')
    """
    members = [m for m in flat_types(annotation) if m is not type(None)]
    return " or ".join(dict.fromkeys(_spell_member(m) for m in members))


def _spell_member(member: Any) -> str:
    origin, args = get_origin(member), get_args(member)
    if origin is Literal:
        return ", ".join(f"`{value}`" if value != "" else "empty" for value in args)
    if is_mapping(member):
        return f"mapping of {spell_type(args[0])} to {spell_type(args[1])}"
    if origin in (tuple, list, set, frozenset):
        return f"list of {spell_type(args[0])}"
    if is_model(member):
        return f"*{_title(member)}*"
    return _WORDS.get(member, getattr(member, "__name__", str(member)))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if (
        value is None
        or value == ""
        or isinstance(value, BaseModel)
        or value in ((), {}, [], types.MappingProxyType({}))
    ):
        return ""
    if isinstance(value, timedelta):
        return f"`{_iso(value)}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(str(v) for v in value)}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _iso(value: timedelta) -> str:
    """A duration as declarations write it.

    >>> _iso(timedelta(minutes=3)), _iso(timedelta(days=7)), _iso(timedelta(hours=1, seconds=5)), _iso(timedelta(0))
    ('PT3M', 'P7D', 'PT1H5S', 'PT0S')
    """
    minutes, seconds = divmod(value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days = f"{value.days}D" if value.days else ""
    clock = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n)
    return "P" + days + (f"T{clock}" if clock else "" if days else "T0S")


def _prose(text: str) -> str:
    lines = [line.strip() for line in text.replace("``", "`").strip().splitlines()]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(_prose(text).split()).replace("|", "\\|")


def _targets() -> Iterator[str]:
    yield "### Targets\n"
    yield "A dot marks the feeds whose maps may name a target, **must** those of a primary source that have to reach it.\n"
    yield f"| target | value | {' | '.join(MAP_FEEDS)} |\n| --- | --- |{' --- |' * len(MAP_FEEDS)}"
    for target in TARGETS.values():
        marks = [_mark(feed, target.feeds, target.minimum) for feed in MAP_FEEDS]
        yield f"| `{target.name}` | {target.type} | {' | '.join(marks)} |"
    for family in FAMILIES:
        marks = [_mark(feed, family.feeds, ()) for feed in MAP_FEEDS]
        yield f"| `{family.spelling}` | {family.type} | {' | '.join(marks)} |"
    yield ""


def _mark(feed: MapFeed, feeds: tuple[MapFeed, ...], minimum: tuple[MapFeed, ...]) -> str:
    if feed in minimum:
        return "**must**"
    return "·" if feed in feeds else ""


def _transforms() -> Iterator[str]:
    from s2s_pipelines.catalogue.transform import TRANSFORMS

    yield "### Transforms\n"
    yield "| name | makes |\n| --- | --- |"
    for transform in TRANSFORMS.values():
        yield f"| `{transform.name}` | {_cell(transform.summary)} |"
    yield ""
