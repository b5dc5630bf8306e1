"""Files made at random by a writer of its own: whatever is read must be what was written, line by line.

The writer knows nothing of the reader. It mixes delimiters, quoting, escapes, line ends and encodings, and does damage:
short rows, delimiters nobody quoted, quotes left open, missing headers, second tables, titles, totals. Left out is only damage
that no reader can see, such as a row cut off right before an empty last cell.
"""

import random
import re
from dataclasses import dataclass, field

import pytest

from s2s_pipelines.connectors.kit.refusal import UnreadableFile
from s2s_pipelines.connectors.sources.flat_file import Layout, read_grid

WORDS = re.findall(
    r"\S+",
    """Tent Rope Hook Blue Green small steel oak the best with for two persons Shirt, Boots; Braai 10mm Café Müller crème
brûlée Señor Môre ’n A/B R&D &amp; a|b ~ ^ 50% (new) http://example.com/a?b=1,2;3 #1 = 3,5 12:30 C:\\temp 5" "best" """,
)
DAMAGE = ("none", "none", "none", "short", "loose", "open", "headless", "second", "title", "total", "blank")


@dataclass
class Written:
    """A file and what stands in it: rows by line, None for lines that are rows of nothing we ask for."""

    body: bytes
    header: list[str]
    rows: dict[int, list[str]]
    damage: str
    untold: set[int] = field(default_factory=set)


def text(dice, most=4):
    return " ".join(dice.choice(WORDS) for _ in range(dice.randint(1, most)))


def amount(dice, mark):
    return f"{dice.choice([dice.randint(0, 99), dice.randint(100, 9999)])}{mark}{dice.randint(0, 99):02}"


def row(dice, names, mark):
    made = {
        "code": f"{dice.choice('ABK')}{dice.randint(1, 999):03}",
        "sku": f"{dice.randint(0, 99999):05}",
        "title": text(dice),
        "price": amount(dice, mark),
        "qty": str(dice.randint(-3, 200)),
        "colour": dice.choice(["red", "green", "blue"]),
        "tags": dice.choice(",|;").join(dice.sample("abcd", dice.randint(1, 3))),
        "updated": f"2026-0{dice.randint(1, 9)}-1{dice.randint(0, 9)} 10:{dice.randint(10, 59)}:00",
        "body": f"<p>{text(dice, 8)}</p>" + dice.choice(["", "", "", "\n"]) + text(dice, 2),
    }
    return [made[n] for n in names]


def spell(cell, delimiter, *, is_escaping, is_always):
    """A cell as RFC 4180 asks, or with backslashes before quotes and backslashes."""
    if not is_always and not any(s in cell for s in (delimiter, '"', "\n", "\r")) and cell == cell.strip():
        return cell
    inside = cell.replace("\\", "\\\\").replace('"', '\\"') if is_escaping else cell.replace('"', '""')
    return f'"{inside}"'


def write(seed):
    dice = random.Random(seed)
    names = dice.sample(
        ["code", "sku", "title", "price", "qty", "colour", "tags", "updated", "body"], dice.randint(2, 8)
    )
    mark, delimiter = dice.choice(".,"), dice.choice([",", ",", ";", ";", "\t", "|", "~", "^", ":", "\x1f", "||"])
    is_escaping, is_always, damage = dice.random() < 0.15, dice.random() < 0.3, dice.choice(DAMAGE)
    lines, rows, untold = [], {}, set()

    def put(line):
        lines.append(line)
        return sum(one.count("\n") + 1 for one in lines[:-1]) + 1

    def spelled(cells):
        return [spell(c, delimiter, is_escaping=is_escaping, is_always=is_always) for c in cells]

    if damage == "title":
        put("Acme price list")
    if damage != "headless":
        put(delimiter.join(spelled(names)))
    made = [row(dice, names, mark) for _ in range(dice.choice([3, 5, 8, 20, 60]))]
    hit = dice.randrange(len(made))
    for i, true in enumerate(made):
        cells = spelled(true)
        if i == hit and damage == "short":
            cells = cells[: dice.randint(1, len(cells) - 1)]
        elif i == hit and damage == "loose":
            cells[-1] += f"{delimiter} x"
        elif i == hit and damage == "open":
            cells[0] = '"' + true[0].replace("\n", " ").rstrip('"')
            true = [cells[0], *true[1:]]
        elif damage == "blank" and dice.random() < 0.3:
            put("")
        number = put(delimiter.join(cells))
        if i == hit and damage in ("short", "loose", "open"):
            untold.add(number)
        else:
            rows[number] = true
    if damage == "total":
        untold.add(put(f"Total{delimiter}5"))
    if damage == "second":
        put("")
        others = dice.sample(["code", "sku", "price", "qty", "colour"], dice.randint(2, 5))
        # The same names again would be the same table, carried on.
        others = others[::-1] if others == names else others
        put(delimiter.join(spelled(others)))
        for _ in range(3):
            put(delimiter.join(spelled(row(dice, others, mark))))
    end = "\n" if any("\n" in line for line in lines) else dice.choice(["\n", "\r\n", "\r"])
    body = end.join(lines) + dice.choice(["", end])
    encoding = dice.choice(["utf-8", "utf-8", "utf-8-sig", "cp1252", "utf-16", "cp850", "mac-roman", "iso8859-2"])
    try:
        return Written(body.encode(encoding), names, rows, damage, untold)
    except UnicodeEncodeError:
        return Written(body.encode(), names, rows, damage, untold)


def fault(written):
    """What was read wrong: empty when all is right, None when the file was refused."""
    try:
        grid = read_grid(written.body, Layout(), max_expanded=10_000_000)
    except UnreadableFile as error:
        return None if error.line >= 1 and error.reason else "the refusal says neither line nor reason"
    if written.damage == "headless" or grid.header != written.header:
        return f"the header is not {grid.header}"
    read = dict(zip(grid.lines, grid.rows, strict=True))
    rejected = {r.row for r in grid.rejects}
    wrong = [n for n, cells in read.items() if written.rows.get(n) != cells]
    lost = set(written.rows) - set(read) - rejected
    return f"lines {wrong} are wrong, {sorted(lost)} are lost" if wrong or lost else ""


@pytest.mark.parametrize("block", range(6))
def test_whatever_is_read_is_what_was_written(block):
    seeds = range(block * 300, block * 300 + 300)
    faults = {seed: fault(write(seed)) for seed in seeds}
    assert {seed: f for seed, f in faults.items() if f} == {}
    assert sum(f == "" for f in faults.values()) > 100


def test_the_writer_would_notice_a_wrong_cell():
    written = write(next(s for s in range(100) if fault(write(s)) == ""))
    first = next(iter(written.rows))
    written.rows[first] = [*written.rows[first][:-1], "something else"]
    assert fault(written)
