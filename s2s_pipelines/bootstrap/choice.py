"""Names that people type: what is not known is refused with the near miss."""

from collections.abc import Collection

from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.field import near_miss

_MOST_NAMED = 12


def demand_known(name: str, known: Collection[str], what: str, *, client: str | None = None) -> str:
    """The name, if it is known.

    Args:
        name: as it was typed.
        known: all that there are.
        what: what is named, such as ``source``.
        client: whose it would be.

    Raises:
        ConfigurationError: there is none of this name; it says which one is close, or which there are.

    >>> demand_known("erpp", ["erp", "sheet"], "source")
    Traceback (most recent call last):
    ...
    s2s_pipelines.errors.ConfigurationError: there is no source erpp Next: did you mean erp?
    """
    if name in known:
        return name
    close = near_miss(name, list(known)) if name else None
    some = ", ".join(sorted(known)[:_MOST_NAMED]) or "none"
    more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
    raise ConfigurationError(
        f"there is no {what} {name}" if name else f"no {what} is named",
        client=client,
        next_step=f"did you mean {close}?" if close else f"there are: {some}{more}",
    )
