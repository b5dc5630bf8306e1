"""A code location of the short storm: the shipped definitions on a workshop that is spoiled as the environment says.

``STORM_SPOILED`` names what is taken away, to show that the storm's oracle sees it: ``abreast``: clients of a shared run wait for
each other; ``memory``: nobody remembers who was told.
"""

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.cycle.client_cycle import ClientCycle
from s2s_pipelines.orchestration.factory import build_definitions
from s2s_pipelines.storage.alert_store import Alerts

SPOILED = "STORM_SPOILED"


class ForgetfulAlerts(Alerts):
    """Forgets who was told."""

    def note_told(self, alerts: Sequence[Any], receiver: str, mark: str) -> None:
        return


class SpoiledWorkshop(Workshop):
    """Lacks what the environment names."""

    @cached_property
    def alerts(self) -> Alerts:
        kind = ForgetfulAlerts if "memory" in os.environ[SPOILED] else Alerts
        return kind(self.engine, self.clock)

    def cycle_clients(self, clients: Sequence[str], **asked: Any) -> Iterator[ClientCycle]:
        if "abreast" not in os.environ[SPOILED]:
            yield from super().cycle_clients(clients, **asked)
            return
        with self._taken_up(asked["token"]) as (taken, holder):
            for client in clients:
                if client in taken and self.claims.begin(client, asked["token"], holder):
                    yield self.cycle_client(client)
                    # A second is what the shipped one would note of a quick client: none is given a run of its own.
                    self.claims.finish(client, asked["token"], holder, 1.0)


if SPOILED in os.environ:
    defs = build_definitions(SpoiledWorkshop.from_environment())
