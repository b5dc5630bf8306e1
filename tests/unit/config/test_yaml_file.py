import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s_pipelines.config.yaml_file import MAX_NODES, YamlFault, read_yaml


def test_lines_are_those_of_the_keys():
    tree = read_yaml("a: 1\nb:\n  - x\n  - {c: y}\n")
    assert tree.value == {"a": 1, "b": ["x", {"c": "y"}]}
    assert tree.lines == {("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 1): 4, ("b", 1, "c"): 4}
    assert tree.line_of(("b", 1, "nothing", "here")) == 4


@pytest.mark.parametrize(
    "text, value",
    [
        ("0042", "0042"),
        ("42", 42),
        ("-3", -3),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("1.10", "1.10"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        ("12:30", "12:30"),
        ("2026-01-31", "2026-01-31"),
        ("yes", "yes"),
        ("no", "no"),
        ("off", "off"),
        ("true", True),
        ("~", None),
        ("", None),
        ('""', ""),
        ('"true"', "true"),
        ("'15'", "15"),
        ("9" * 30, "9" * 30),
    ],
)
def test_only_null_truth_and_whole_numbers_are_not_text(text, value):
    read = read_yaml(f"key: {text}\n").value["key"]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    "text, word",
    [
        ("a: &x 1\nb: *x\n", "anchors"),
        ("b: *x\n", "aliases"),
        ("<<: {a: 1}\n", "merge keys"),
        ("a: !!python/object/apply:os.system [id]\n", "tags"),
        ("a: 1\n---\nb: 2\n", "one document"),
        ("a: 1\na: 2\n", "already given"),
        ("? [a, b]\n: 1\n", "a key must be"),
        ("a: [1, 2\n", "not YAML"),
        ("a: \x00\n", "character"),
        ("a:\n" + "".join(" " * i + "- \n" for i in range(1, 40)), "deep"),
        ("a: " + "[" * 50_000, "deep"),
        ("a: [" + "1," * (MAX_NODES + 1) + "]", "keys and values"),
    ],
)
def test_what_declarations_do_not_use_is_refused(text, word):
    with pytest.raises(YamlFault) as caught:
        read_yaml(text)
    assert word in caught.value.message
    assert caught.value.line >= 1


def test_laughs_are_refused_before_they_swell():
    text = "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    with pytest.raises(YamlFault):
        read_yaml(text)


def outcome(text):
    try:
        read_yaml(text)
    except YamlFault as fault:
        return fault
    return None


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_line(text):
    fault = outcome(text)
    assert fault is None or fault.line >= 1


@given(st.text(alphabet="ab:-[]{}, \n\t&*!|>'\"#?%~1", max_size=80))
def test_any_mark_up_is_read_or_refused(text):
    fault = outcome(text)
    assert fault is None or fault.fix
