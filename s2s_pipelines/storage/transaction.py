"""Transactions on our own database, with its failures told in our words."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from s2s_pipelines.errors import TransientError
from s2s_pipelines.storage.engine import reading as reading_plainly

_RETRY_SQLSTATES = ("40001", "40P01", "55P03")
"""Serialisation failure, deadlock, lock not available (PostgreSQL manual, appendix A)."""


@contextmanager
def writing(engine: sa.Engine, operation: str) -> Iterator[sa.Connection]:
    """A writing transaction: committed at the end of the ``with``, rolled back by any error.

    Raises:
        TransientError: our database could not be reached, or another transaction was in the way; nothing was written, unless
            the connection broke during the commit. Every writer here can be repeated.
    """
    with _told(operation), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: sa.Engine, operation: str) -> Iterator[sa.Connection]:
    """A transaction that only reads one consistent state.

    Raises:
        TransientError: our database could not be reached.
    """
    with _told(operation), reading_plainly(engine) as connection:
        yield connection


@contextmanager
def _told(operation: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if not _is_passing(error):
            raise
        raise TransientError(
            f"our own database did not answer ({type(error).__name__})",
            operation=operation,
            next_step="look whether the database runs; the work is taken up again by itself",
        ) from error


def _is_passing(error: DBAPIError) -> bool:
    if getattr(error.orig, "sqlite_errorname", None) == "SQLITE_ERROR":
        return False  # a missing table or a wrong statement: waiting mends neither
    is_lock = getattr(error.orig, "pgcode", None) in _RETRY_SQLSTATES
    return is_lock or error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
