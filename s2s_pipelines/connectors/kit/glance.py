"""A glance at a file: fetched whole, known by its bytes and by the manner in which they are read, and read only if asked to."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

from s2s_pipelines.connectors.kit.fetch import Errand, Fetched, fetch
from s2s_pipelines.errors import S2SError
from s2s_pipelines.ports import Extract, Glance

Make = Callable[[Fetched, datetime, str], Extract]
"""Makes the extract of what was fetched, of the moment before that, and of its fingerprint."""


def glance_at(errand: Callable[[], Errand], manner: str, make: Make, located: Callable[[S2SError], S2SError]) -> Glance:
    """Fetch a file; the same bytes read in the same manner are the same content.

    Args:
        errand: what to fetch.
        manner: everything that decides how the bytes are read.
        make: makes sense of them.
        located: names the place in an error.
    """
    read_at = datetime.now(UTC)
    try:
        fetched = fetch(errand())
    except S2SError as error:
        raise located(error) from None
    digest = hashlib.sha256(fetched.body)
    digest.update(manner.encode())
    fingerprint = digest.hexdigest()

    def extract() -> Extract:
        try:
            return make(fetched, read_at, fingerprint)
        except S2SError as error:
            raise located(error) from None

    return Glance(fingerprint, read_at, fetched.modified_at, extract)
