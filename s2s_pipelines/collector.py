"""How often Python looks for garbage in a process that holds a fleet.

The definitions of a thousand clients are millions of objects that live as long as the process. With Python's own threshold (700)
the collector goes through them again and again while they are built, which takes a third of the time.
"""

import gc

THRESHOLD = (50_000, 20, 50)


def collect_seldom() -> None:
    """Set the thresholds of this process, unless somebody set higher ones."""
    if gc.get_threshold()[0] < THRESHOLD[0]:
        gc.set_threshold(*THRESHOLD)
