"""``s2s sources`` and ``s2s channels``: what each connector can do and against what it was verified."""

from collections.abc import Mapping

import click

from s2s_pipelines.ports import Connector


@click.command()
def sources() -> None:
    """List the kinds of sources, what they can do, and against what each was verified."""
    from s2s_pipelines.connectors import registry

    click.echo(_listed(registry.sources()))


@click.command()
def channels() -> None:
    """List the kinds of channels, what they can do, and against what each was verified."""
    from s2s_pipelines.connectors import registry

    click.echo(_listed(registry.channels()))


def _listed(kinds: Mapping[str, Connector]) -> str:
    lines = []
    for kind, connector in kinds.items():
        manifest = connector.manifest
        lines.append(f"{kind}: {manifest.label}")
        lines.append(f"  can: {', '.join(sorted(manifest.capabilities))}")
        if manifest.document_kinds:
            lines.append(f"  documents: {', '.join(manifest.document_kinds)}")
        lines += [
            f"  verified against {v.evidence}, {v.version} ({v.checked_on}){_note(v.note)}"
            for v in manifest.verified_against
        ]
    return "\n".join(lines)


def _note(text: str) -> str:
    return f": {text}" if text else ""


def connectors_page(source_kinds: Mapping[str, Connector], channel_kinds: Mapping[str, Connector]) -> str:
    """The page ``docs/connectors.md``, written from the manifests and default field maps."""
    lines = [
        "# Connectors",
        "",
        "<!-- Written by `make docs` from the manifests; edit those instead. -->",
        "",
        "`verified against` says what each was really tried on. Documentation alone means: never seen to work.",
    ]
    for title, kinds in (("Sources", source_kinds), ("Channels", channel_kinds)):
        lines += ["", f"## {title}"]
        for connector in kinds.values():
            lines += ["", *_section(connector)]
    return "\n".join(lines) + "\n"


def _section(connector: Connector) -> list[str]:
    manifest = connector.manifest
    lines = [f"### `{manifest.kind}`: {manifest.label}", "", f"- can: {', '.join(sorted(manifest.capabilities))}"]
    if manifest.document_kinds:
        unique = "refuses a second document of one reference" if manifest.enforces_reference else "does not enforce it"
        lines.append(f"- documents: {', '.join(manifest.document_kinds)}")
        lines.append(f"- external reference: {manifest.reference_length} characters; the target {unique}")
    lines += [
        f"- verified against: {v.evidence}, {v.version}, {v.checked_on}{_note(v.note)}"
        for v in manifest.verified_against
    ]
    for feed, rows in connector.fields.items():
        lines += [
            "",
            f"Default map of {feed}:",
            "",
            "| target | column | constant | transform | note |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {r.target} | {r.column or ''} | {r.constant or ''} | {r.transform or ''} | {r.note} |" for r in rows
        ]
    return lines
