"""Finds connectors: every module of ``connectors/sources`` and ``connectors/channels`` that defines ``CONNECTOR``.

Nothing registers itself and nobody keeps a list. Looking is cheap because connector modules import their libraries inside
functions; it is done once per process.
"""

import functools
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from types import MappingProxyType, ModuleType
from typing import get_args

from pydantic import BaseModel

from s2s_pipelines.connectors import channels as channel_package
from s2s_pipelines.connectors import sources as source_package
from s2s_pipelines.errors import ContractViolation
from s2s_pipelines.ports import Connector, Role


@functools.cache
def sources() -> Mapping[str, Connector]:
    """Source connectors by kind, in alphabetical order.

    Raises:
        ContractViolation: a module breaks the shape of a connector, or two claim one kind.
    """
    return discover(source_package, ("source",))


@functools.cache
def channels() -> Mapping[str, Connector]:
    """Channel connectors by kind, in alphabetical order.

    Raises:
        ContractViolation: a module breaks the shape of a connector, or two claim one kind.
    """
    return discover(channel_package, ("channel", "fulfilment"))


@functools.cache
def connectors() -> Mapping[str, Connector]:
    """All connectors by kind; ``kind:`` of a resource declaration chooses among them.

    Raises:
        ContractViolation: a source and a channel claim the same kind.
    """
    return joined(sources(), channels())


@functools.cache
def settings_types() -> Mapping[str, type[BaseModel]]:
    """The settings model of every kind, by which a declaration's ``kind`` discriminates."""
    return MappingProxyType({kind: connector.settings for kind, connector in connectors().items()})


def joined(*maps: Mapping[str, Connector]) -> Mapping[str, Connector]:
    """One map of kinds out of several.

    Raises:
        ContractViolation: two of them claim the same kind.
    """
    found: dict[str, Connector] = {}
    for kinds in maps:
        for kind, connector in kinds.items():
            if kind in found:
                raise ContractViolation(f"two connectors are of kind {kind}", next_step="rename one of them")
            found[kind] = connector
    return MappingProxyType(dict(sorted(found.items())))


def discover(package: ModuleType, roles: Iterable[Role]) -> Mapping[str, Connector]:
    """The connectors that the modules of a package define.

    Args:
        package: looked through one level deep; modules whose name begins with an underscore are left out.
        roles: what its connectors may be.

    Raises:
        ContractViolation: a module breaks the shape of a connector, or two claim one kind.
    """
    names = sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))
    maps = []
    for name in names:
        connector = _checked(importlib.import_module(f"{package.__name__}.{name}"), tuple(roles))
        maps.append({connector.manifest.kind: connector})
    return joined(*maps)


def _checked(module: ModuleType, roles: tuple[Role, ...]) -> Connector:
    connector = getattr(module, "CONNECTOR", None)
    if not isinstance(connector, Connector):
        raise ContractViolation(
            f"{module.__name__} defines no CONNECTOR", next_step="define it, or move the module to kit"
        )
    kind = connector.manifest.kind
    if connector.manifest.role not in roles:
        raise ContractViolation(f"{module.__name__} is a {connector.manifest.role}, which does not belong there")
    field = getattr(connector.settings, "model_fields", {}).get("kind")
    if field is None or get_args(field.annotation) != (kind,):
        raise ContractViolation(f'the settings of {module.__name__} must declare kind: Literal["{kind}"]')
    return connector
