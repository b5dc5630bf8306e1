"""Reads the declarations of all clients below one root: ``assets/<client>/`` and ``resources/<client>.yaml``.

Nothing is read but those files (and the time zone database), and no environment. A client whose declarations are wrong
is returned as broken, with every problem found; the others load as if it were not there.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from s2s_pipelines.config.channel_check import check_channels
from s2s_pipelines.config.connection import Connections, Kinds, read_connections
from s2s_pipelines.config.connection_check import check_connections
from s2s_pipelines.config.declaration import ClientDeclaration
from s2s_pipelines.config.draft import Draft
from s2s_pipelines.config.explanation import explain_invalid
from s2s_pipelines.config.field_check import check_fields
from s2s_pipelines.config.field_map import FieldMap, overlay, read_field_map
from s2s_pipelines.config.fleet import BrokenClient, Client, FieldMaps, Fleet
from s2s_pipelines.config.folder import Folder, client_names, read_folder
from s2s_pipelines.config.problem import Problem, has_error, sorted_problems
from s2s_pipelines.config.secrecy import find_written_secrets
from s2s_pipelines.config.source_check import check_sources
from s2s_pipelines.config.value_check import find_bad_durations, find_unfilled, judge_timezone
from s2s_pipelines.config.yaml_file import Tree, YamlFault, read_yaml
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.field import FieldRow, MapFeed, near_miss


def load_fleet(root: Path, kinds: Kinds) -> Fleet:
    """All clients below a root; broken ones are kept apart with their problems.

    Args:
        root: the folder that holds ``assets`` and ``resources``.
        kinds: connectors by the word that a connection's ``kind`` may say.

    Raises:
        ConfigurationError: the root holds no folder ``assets``.
    """
    loaded = [load_declared(root, name, kinds) for name in client_names(root)]
    return Fleet(
        tuple(c for c in loaded if isinstance(c, Client)), tuple(c for c in loaded if isinstance(c, BrokenClient))
    )


def load_client(root: Path, name: str, kinds: Kinds) -> Client | BrokenClient:
    """One client, or what is wrong with it.

    Args:
        root: the folder that holds ``assets`` and ``resources``.
        name: the client's key.
        kinds: connectors by the word that a connection's ``kind`` may say.

    Raises:
        ConfigurationError: there is no such client.
    """
    names = client_names(root)
    if name not in names:
        near = near_miss(name, names)
        next_step = f"did you mean {near}?" if near else f"clients here: {', '.join(names) or 'none'}"
        raise ConfigurationError(f"there is no client {name}", operation="load declarations", next_step=next_step)
    return load_declared(root, name, kinds)


def load_declared(root: Path, name: str, kinds: Kinds) -> Client | BrokenClient:
    """One client of ``client_names``, or what is wrong with it; see ``load_client``."""
    try:
        folder = read_folder(root, name)
    except OSError as error:
        message = f"this folder cannot be read: {error.strerror}"
        fix = "give the program the right to read it"
        return BrokenClient(name, (Problem(f"assets/{name}", 0, "", message, None, fix),))
    reading = _Reading(folder, kinds)
    client_tree = reading.tree(folder.client_file, folder.client_text, is_client=True)
    resource_tree = reading.tree(folder.resource_file, folder.resource_text, is_client=False)
    declaration = reading.declaration(client_tree, name)
    connections = reading.connections(resource_tree)
    if client_tree and resource_tree and declaration and connections:
        draft = reading.draft(declaration, client_tree, resource_tree, connections)
        reading.found += _check(draft)
        problems = reading.problems()
        if not has_error(problems):
            return Client(
                name,
                declaration,
                draft.connections,
                draft.kinds,
                draft.fields,
                folder.path,
                folder.fingerprint,
                problems,
            )
    return BrokenClient(name, reading.problems())


def _check(draft: Draft) -> Iterator[Problem]:
    yield from check_sources(draft)
    yield from check_channels(draft)
    yield from check_fields(draft)
    yield from check_connections(draft)


@dataclass(slots=True)
class _Reading:
    """Turns one folder into a draft, collecting what is wrong on the way.

    Attributes:
        scanned: problems found in the raw values; what the models say about the same places is not repeated.
        found: all other problems.
        bad_maps: sources whose own field map has errors, and is therefore not judged as a whole.
    """

    folder: Folder
    kinds: Kinds
    scanned: list[Problem] = field(default_factory=list)
    found: list[Problem] = field(default_factory=list)
    bad_maps: set[str] = field(default_factory=set)

    def problems(self) -> tuple[Problem, ...]:
        """All problems by file and line."""
        told = {(p.file, p.path) for p in self.scanned}
        rest = [p for p in self.found if (p.file, p.path) not in told]
        return sorted_problems([*self.folder.problems, *self.scanned, *rest])

    def tree(self, file: str, text: str | None, *, is_client: bool) -> Tree | None:
        """The file's content, or None when it is no YAML mapping."""
        if text is None:
            return None
        try:
            tree = read_yaml(text)
        except YamlFault as fault:
            self.found.append(Problem(file, fault.line, "", fault.message, None, fault.fix))
            return None
        if not isinstance(tree.value, dict):
            what = "this file is empty" if tree.value is None else "this file is not a mapping of keys"
            self.found.append(
                Problem(file, 1, "", what, None, f"begin with `{'client' if is_client else 'connections'}:`")
            )
            return None
        self.scanned += find_unfilled(tree, file)
        self.scanned += find_written_secrets(tree, file, is_by_key=not is_client)
        if is_client:
            self.scanned += find_bad_durations(tree, file)
        return tree

    def declaration(self, tree: Tree | None, name: str) -> ClientDeclaration | None:
        """What the client declares, if its file is valid by itself."""
        if tree is None:
            return None
        file = self.folder.client_file
        try:
            declaration = ClientDeclaration.model_validate(tree.value)
        except ValidationError as error:
            self.found += explain_invalid(error, ClientDeclaration, tree, file)
            return None
        if declaration.client != name:
            message = f"the client is called `{declaration.client}` and its folder `{name}`"
            fix = "give both the same name; no two clients may share one"
            self.found.append(Problem(file, tree.line_of(("client",)), "client", message, None, fix))
        fault = judge_timezone(declaration.timezone)
        if fault:
            self.found.append(Problem(file, tree.line_of(("timezone",)), "timezone", *fault))
        return declaration

    def connections(self, tree: Tree | None) -> Connections | None:
        """What the client is connected to, as far as it can be read."""
        if tree is None:
            return None
        connections = read_connections(tree, self.folder.resource_file, self.kinds)
        self.found += connections.problems
        return connections if connections.named else None

    def draft(
        self, declaration: ClientDeclaration, client_tree: Tree, resource_tree: Tree, connections: Connections
    ) -> Draft:
        """Everything together, for the checks between files."""
        own = self._own_maps(declaration)
        return Draft(
            declaration,
            self.folder.client_file,
            client_tree,
            self.folder.resource_file,
            resource_tree,
            connections.settings,
            connections.kinds,
            connections.named,
            own,
            _effective(declaration, connections, own),
            frozenset(self.bad_maps),
            self.folder.queries,
        )

    def _own_maps(self, declaration: ClientDeclaration) -> dict[str, FieldMap]:
        from s2s_pipelines.catalogue.transform import TRANSFORMS

        own: dict[str, FieldMap] = {}
        for key, (file, text) in self.folder.maps.items():
            if key not in declaration.sources:
                near = near_miss(key, list(declaration.sources))
                fix = f"name it after a source: {', '.join(declaration.sources)}"
                self.found.append(Problem(file, 0, "", f"`{key}` is not a source of this client", near, fix))
                continue
            own[key], problems = read_field_map(text, file, TRANSFORMS)
            self.scanned += problems
            if has_error(problems):
                self.bad_maps.add(key)
        return own


def _effective(declaration: ClientDeclaration, connections: Connections, own: dict[str, FieldMap]) -> FieldMaps:
    effective: dict[str, dict[MapFeed, tuple[FieldRow, ...]]] = {}
    for key, source in declaration.sources.items():
        kind = connections.kinds.get(source.connection)
        feeds: list[MapFeed] = list(source.feeds)
        if source.orders is not None:
            feeds.append("orders")
        effective[key] = overlay(kind.fields if kind else {}, own[key].rows if key in own else (), feeds)
    return effective
