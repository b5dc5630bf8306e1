"""Rows that could not be taken, with the reason and the remedy."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reject:
    """One row left out, and why. The row itself is kept beside it in the snapshot of rejects.

    Attributes:
        row: the source's own row number (for files the line or record number a person would look up), 1 and up.
        sku: as far as it is known.
        field: the vocabulary's name of the offending target, or the source's column where no target applies.
        reason: a stable code in snake case, such as ``duplicate_sku``.
        value: the offending text, at most 80 characters.
        message: one sentence for the person who owns the data.
        remedy: what that person should do.
    """

    row: int
    sku: str | None
    field: str
    reason: str
    value: str
    message: str
    remedy: str
