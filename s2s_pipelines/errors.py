"""What can go wrong, sorted by who acts next.

The tree::

    S2SError
    ├── ConfigurationError      the operator edits a declaration; never retried
    ├── AccessError             the client restores credentials or rights; pause and tell
    ├── TransientError          the machine retries, not before ``retry_after_s``
    │   ├── BusyError           somebody else holds the lease or the licence
    │   └── PausedError         a person stopped it for a while; it goes on by itself
    ├── DataError               the owner of the data mends it; other rows go on
    ├── RejectedError           the far side said no; a person decides; carries a reason code
    │   └── OrderRejected       an order document was refused and nothing of it was written
    ├── UncertainOutcomeError   we sent and never heard; the only legal next step is ``find``
    └── ContractViolation       our own bug

Every error names client, connection, operation, reference and next step where they are known. Text put into an
error is public: it may reach a log, an event or a screen, so it never holds a secret or a person's details.
"""

from typing import Self


class S2SError(Exception):
    """An error that says what happened, where, and what to do next.

    Args:
        message: one sentence, without secrets and without personal details.
        client: the client's key, if known.
        connection: the connection's key, if known.
        operation: what was being done, such as ``read products``.
        reference: the sku, order code or external reference concerned.
        next_step: what the person or program in charge should do.
    """

    def __init__(
        self,
        message: str,
        *,
        client: str | None = None,
        connection: str | None = None,
        operation: str | None = None,
        reference: str | None = None,
        next_step: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.client = client
        self.connection = connection
        self.operation = operation
        self.reference = reference
        self.next_step = next_step

    def located(
        self,
        *,
        client: str | None = None,
        connection: str | None = None,
        operation: str | None = None,
        reference: str | None = None,
    ) -> Self:
        """Fill in places that the raiser did not know; what is already set stays."""
        self.client = self.client or client
        self.connection = self.connection or connection
        self.operation = self.operation or operation
        self.reference = self.reference or reference
        return self

    def __str__(self) -> str:
        places = [
            f"{name} {value}"
            for name, value in (
                ("client", self.client),
                ("connection", self.connection),
                ("operation", self.operation),
                ("reference", self.reference),
            )
            if value
        ]
        text = self.message
        if places:
            text += f" [{', '.join(places)}]"
        if self.next_step:
            text += f" Next: {self.next_step}"
        return text


class ConfigurationError(S2SError):
    """A declaration is wrong; an operator edits it."""


class AccessError(S2SError):
    """Credentials or rights are missing; the client restores them."""


class TransientError(S2SError):
    """Worth trying again later.

    Args:
        retry_after_s: seconds to wait before the next attempt; None when the far side did not say.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, **places: str | None) -> None:
        super().__init__(message, **places)
        self.retry_after_s = retry_after_s


class BusyError(TransientError):
    """Another writer holds the connection's lease."""


class PausedError(TransientError):
    """A person stopped it for a while; it goes on by itself when the pause ends, or is resumed."""


class DataError(S2SError):
    """The data itself is at fault; its owner mends it."""


class RejectedError(S2SError):
    """The far side refused.

    Args:
        reason: a stable code in snake case, such as ``unknown_sku``.
    """

    def __init__(self, message: str, *, reason: str, **places: str | None) -> None:
        super().__init__(message, **places)
        self.reason = reason


class OrderRejected(RejectedError):
    """An order document was refused, and nothing of it was written."""


class UncertainOutcomeError(S2SError):
    """A write was sent and its outcome is unknown; look it up before anything else."""


class ContractViolation(S2SError):
    """A promise between two of our own parts was broken."""
