"""How a file is refused: with the line and a reason, never with a guess."""

from s2s_pipelines.errors import DataError


class UnreadableFile(DataError):
    """A file could not be read for certain, so it was not read at all.

    Args:
        reason: a stable code in snake case, such as ``ambiguous_dialect``.
        message: one sentence for the person who owns the file; it quotes no cell.
        line: the 1-based physical line (spreadsheets: row) at which reading became uncertain.
        remedy: what that person, or the operator, should do.
    """

    def __init__(self, reason: str, message: str, *, line: int = 1, remedy: str) -> None:
        super().__init__(f"line {line}: {message} ({reason})", next_step=remedy)
        self.reason = reason
        self.line = line
