"""Source flags: which source owns which field of the catalogue.

A flag ``source`` takes the field from this source, ``system`` ignores what it sends for it (domain research, section
6). Our own defaults: a primary source owns every field, a linked one none until a flag says so.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from s2s_pipelines.catalogue.policy import SourceFlag
from s2s_pipelines.model.field import flag_name

SourceRole = Literal["primary", "linked"]
DEFAULT = "*"
"""The flag that stands for every field without one of its own."""


def owns(flags: Mapping[str, SourceFlag], *, role: SourceRole, target: str) -> bool:
    """Whether a source's value of a target is taken.

    >>> owns({}, role="primary", target="title"), owns({}, role="linked", target="title")
    (True, False)
    >>> owns({"images": "source"}, role="linked", target="image3")
    True
    >>> owns({"*": "source", "title": "system"}, role="linked", target="title")
    False
    """
    default: SourceFlag = flags.get(DEFAULT, "source" if role == "primary" else "system")
    return flags.get(flag_name(target), default) == "source"


def unowned_targets(flags: Mapping[str, SourceFlag], *, role: SourceRole, targets: Iterable[str]) -> tuple[str, ...]:
    """Those of the targets that are mapped but not taken, as ``map_extract`` wants them.

    >>> unowned_targets({"variants.qty": "source"}, role="linked", targets=["variants.qty", "title"])
    ('title',)
    """
    return tuple(sorted({flag_name(t) for t in targets if not owns(flags, role=role, target=t)}))
