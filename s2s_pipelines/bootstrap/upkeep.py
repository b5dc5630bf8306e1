"""What keeps an installation in order: leases of the dead, and things that are kept no longer."""

from s2s_pipelines.bootstrap.foundation import Foundation
from s2s_pipelines.bootstrap.process import LocalProcesses

LEASE_OF_THE_DEAD_S = 120.0
"""What a process sent before it died has arrived, or never will, by then."""


class Upkeep(Foundation):
    """Looks after what runs and lies below ``S2S_HOME``."""

    def shorten_leases_of_the_dead(self) -> list[str]:
        """Let leases end soon that processes of this host held and left when they died; their names.

        A refresh sends nothing: its lease ends at once.
        """
        return self.leases.shorten(LocalProcesses().has_ended, within_s=LEASE_OF_THE_DEAD_S, at_once=("refresh/",))
