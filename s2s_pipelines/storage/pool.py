"""A pool of connections for storages that connect anew for every statement."""

import os
from collections.abc import Iterable

import sqlalchemy as sa

SIZE = 2
MOST_BEYOND = 40
"""Connections beyond the pool's size, closed when they are given back: what a process with many threads needs for moments."""
RENEWED_S = 1800


def share_connections(storages: Iterable[object]) -> bool:
    """Give storages that hold an engine as ``_engine`` one with a pool; False, and nothing done, where one holds none.

    A connection that the server has dropped is found before it is used. Each statement is a transaction of its own, as it was.
    """
    every = list(storages)
    engines = [getattr(storage, "_engine", None) for storage in every]
    own = engines[0] if engines else None
    if own is None or not all(isinstance(engine, sa.Engine) for engine in engines):
        return False
    engine = sa.create_engine(
        own.url,
        isolation_level="AUTOCOMMIT",
        pool_size=SIZE,
        max_overflow=MOST_BEYOND,
        pool_pre_ping=True,
        pool_recycle=RENEWED_S,
    )
    # A child that was forked must not talk over its parent's connections.
    os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
    for storage in every:
        storage._engine = engine  # type: ignore[attr-defined]
    return True
