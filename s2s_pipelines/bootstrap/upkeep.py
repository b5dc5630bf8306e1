"""What keeps an installation in order: leases of the dead, and things that are kept no longer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from s2s_pipelines.bootstrap.foundation import Foundation
from s2s_pipelines.bootstrap.process import LocalProcesses
from s2s_pipelines.errors import S2SError

if TYPE_CHECKING:
    from s2s_pipelines.storage.backup_file import Contents
    from s2s_pipelines.storage.move import Moved
    from s2s_pipelines.storage.retention import Gone, Remains

_LEASE, _LEASE_S = "upkeep", 4 * 3600.0
"""A backup copies files that housekeeping might delete: one waits for the other."""

LEASE_OF_THE_DEAD_S = 120.0
"""What a process sent before it died has arrived, or never will, by then."""


@dataclass
class HousekeepingReport:
    """What went, by kind, and what could not be done, by client.

    Attributes:
        counts: snapshots, plans, bodies, orphans; more kinds may be added by who deletes them.
        size_b: room their files and texts took.
    """

    counts: dict[str, int] = field(default_factory=dict)
    size_b: int = 0
    problems: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, count: int, size_b: int = 0) -> None:
        """Count what went."""
        self.counts[kind] = self.counts.get(kind, 0) + count
        self.size_b += size_b

    def lines(self, *, is_dry: bool) -> list[str]:
        """A line for each kind and each problem."""
        word = "would go" if is_dry else "went"
        told = [f"{kind}: {count} {word}" for kind, count in self.counts.items()]
        told.append(f"files and texts: {self.size_b / 1e6:.1f} MB {word}")
        return told + [f"{who}: {problem}" for who, problem in self.problems.items()]


class Upkeep(Foundation):
    """Looks after what runs and lies below ``S2S_HOME``."""

    def shorten_leases_of_the_dead(self) -> list[str]:
        """Let leases end soon that processes of this host held and left when they died; their names.

        A refresh and upkeep send nothing: their leases end at once.
        """
        return self.leases.shorten(
            LocalProcesses().has_ended, within_s=LEASE_OF_THE_DEAD_S, at_once=("refresh/", _LEASE)
        )

    def housekeep(self, *, is_dry: bool = False) -> HousekeepingReport:
        """Delete old snapshots, plans, raw bodies and orphans by the declared ages; see ``cycle.retention`` for what stays.

        A client that fails stops no other: its problem is in the report.

        Raises:
            BusyError: a backup is being written, or somebody else keeps house.
        """
        from s2s_pipelines.storage.retention import Remains

        remains = Remains(self.engine, self.environment.home, self.clock, is_dry=is_dry)
        report = HousekeepingReport(dict.fromkeys(("snapshots", "plans", "bodies", "orphans"), 0))
        with self.leases.take(_LEASE, self.holder, _LEASE_S) as lease:
            for client in remains.clients():
                self._housekeep_client(remains, client, report)
                lease.renew()
        return report

    def _housekeep_client(self, remains: "Remains", client: str, report: HousekeepingReport) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        from s2s_pipelines.cycle.retention import limit

        ages, now = self.operations.retention, self.clock.now()
        steps: dict[str, Callable[[], Gone]] = {
            "snapshots": lambda: remains.snapshots(client, limit(now, ages.snapshots)),
            "plans": lambda: remains.plans(client, limit(now, ages.plans)),
            "bodies": lambda: remains.bodies(client, limit(now, ages.bodies)),
            "orphans": lambda: remains.orphans(client),
        }
        try:
            for kind, step in steps.items():
                gone = step()
                report.add(kind, gone.count, gone.size_b)
        except (S2SError, OSError) as error:
            report.problems[client] = str(error)
        except SQLAlchemyError as error:  # its text may hold what was being written
            report.problems[client] = f"our own database refused it ({type(error).__name__})"

    def back_up(self, path: Path) -> "Contents":
        """Write a backup of our database and of the files its rows name; everything may go on running meanwhile."""
        from s2s_pipelines.storage.backup import write_backup

        engine = self.engine
        with self.leases.take(_LEASE, self.holder, _LEASE_S):
            return write_backup(engine, self.environment.home, path, self.clock.now())

    def restore(self, path: Path, *, is_replacing: bool) -> "Contents":
        """Fill an empty database from a backup; see ``storage.restore``."""
        from s2s_pipelines.storage.restore import restore_backup

        return restore_backup(self.engine, self.environment.home, path, self.clock, is_replacing=is_replacing)

    def move(self, ours: str, dagsters: str) -> "Moved":
        """Copy our tables and Dagster's from SQLite to the PostgreSQL databases at two addresses; see ``storage.move``."""
        from s2s_pipelines.storage.dagster_copy import DagsterFiles
        from s2s_pipelines.storage.move import move, postgres_engine

        home = self.environment.home
        with postgres_engine(ours) as to_ours, postgres_engine(dagsters) as to_dagsters:
            return move(self.engine, to_ours, to_dagsters, DagsterFiles(home / "dagster"), home, self.clock)
