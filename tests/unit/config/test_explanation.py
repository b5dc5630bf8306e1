from pydantic import ValidationError

from s2s_pipelines.config.explanation import explain_invalid, known_keys, spell_path, types_at
from s2s_pipelines.config.secret import SecretRef
from s2s_pipelines.config.yaml_file import read_yaml
from s2s_pipelines.model.declared import Declared


class Inner(Declared):
    depth: int
    """How deep."""


class Outer(Declared):
    place: str | SecretRef
    """Where it is."""
    parts: tuple[Inner, ...] = ()
    choice: Inner | str | None = None


def told(text, **how):
    tree = read_yaml(text)
    try:
        Outer.model_validate(tree.value)
    except ValidationError as error:
        return list(explain_invalid(error, Outer, tree, "x.yaml", **how))
    return []


def test_member_of_a_union_that_got_furthest_is_told():
    problems = told("place: {evn: NAME}")
    assert [(p.path, p.near_miss) for p in problems] == [("place.evn", "env")]


def test_place_in_a_list_is_told():
    problems = told("place: here\nparts:\n  - {depth: 1}\n  - {depth: low}\n")
    assert [(p.path, p.line) for p in problems] == [("parts[1].depth", 4)]
    assert problems[0].fix == "`depth` means: How deep"


def test_each_wrong_place_is_told_once():
    assert [p.path for p in told("place: [1]\nchoice: [2]\n")] == ["place", "choice"]


def test_value_of_a_secretive_file_is_not_repeated():
    problems = told("place: 12345\n", is_secretive=True)
    assert problems
    assert all("12345" not in p.text() for p in problems)


def test_models_know_their_keys():
    assert known_keys(Outer, ("parts", 0)) == ["depth"]
    assert known_keys(Outer, ("place", "SecretRef")) == ["env", "file"]
    assert types_at(Outer, ("parts", 0, "depth")) == [int]
    assert spell_path(("a", 0, "b.c")) == "a[0][b.c]"
