"""The fleet's side of the workshop: what is wrong now, with every client."""

from functools import cached_property
from typing import TYPE_CHECKING

from s2s_pipelines.bootstrap.declared import client_plan
from s2s_pipelines.bootstrap.foundation import Foundation

if TYPE_CHECKING:
    from s2s_pipelines.config.fleet import Client
    from s2s_pipelines.cycle.client_plan import ClientPlan
    from s2s_pipelines.cycle.fleet_report import FleetReport


class FleetWork(Foundation):
    """Looks at all clients at once."""

    @cached_property
    def _watched(self) -> "list[tuple[Client, ClientPlan]]":
        return [(client, client_plan(client)) for client in self.declared.clients]

    def fleet_report(self) -> "FleetReport":
        """Every client, worst first, as our database knows them now; nothing outside is asked.

        Raises:
            TransientError: our database could not be reached.
        """
        from s2s_pipelines.cycle.fleet_report import report
        from s2s_pipelines.storage.fleet_facts import FleetFactsReader

        channels = [(c.name, channel) for c in self.declared.clients for channel in c.declaration.channels]
        facts = FleetFactsReader(self.engine, self.clock).read(channels)
        return report(self._watched, self.declared.broken, facts)
