"""Puts the definitions together: assets by client, everything else shared and few."""

import warnings
from typing import Any

import dagster as dg

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.orchestration.alerts import alerts
from s2s_pipelines.orchestration.assets import broken_asset, client_assets
from s2s_pipelines.orchestration.cycle_job import cycle_job
from s2s_pipelines.orchestration.dead_runs import dead_runs
from s2s_pipelines.orchestration.fleet import fleet, fleet_sensor
from s2s_pipelines.orchestration.housekeeping import daily_housekeeping, housekeeping_job
from s2s_pipelines.orchestration.look_job import LOOK_JOBS
from s2s_pipelines.orchestration.operator_job import OPERATOR_JOBS
from s2s_pipelines.orchestration.order_job import order_days, orders_job, sweep_asset
from s2s_pipelines.orchestration.pauses import pauses
from s2s_pipelines.orchestration.resync import resync_job
from s2s_pipelines.orchestration.schedules import full_reads
from s2s_pipelines.orchestration.sensors import cycle_due, failures, make_declaration_sensor, orders_due
from s2s_pipelines.orchestration.worker import run_executor


def build_definitions(workshop: Workshop, clients: frozenset[str] | None = None) -> dg.Definitions:
    """Everything the UI shows.

    Args:
        workshop: what the definitions work with.
        clients: those whose assets are wanted, for a worker that needs no others; None: all.
    """
    with warnings.catch_warnings():
        # Backfill policies are marked beta; the sweep needs one run for a range of days.
        warnings.simplefilter("ignore", dg.BetaWarning)
        declared = workshop.fleet
        wanted = [client for client in declared.clients if clients is None or client.name in clients]
        cycle: list[dg.AssetsDefinition] = [made for client in wanted for made in client_assets(client)]
        days = order_days(declared.clients)
        sweeps = [made for client in wanted if (made := sweep_asset(client, days)) is not None]
        broken = [broken_asset(client) for client in declared.broken if clients is None or client.name in clients]
    sensors: list[dg.SensorDefinition] = [orders_due, failures, dead_runs, pauses]
    schedules: list[dg.ScheduleDefinition] = []
    assets: list[Any] = [*cycle, *sweeps, *(spec for spec, _ in broken)]
    jobs = [cycle_job, orders_job, resync_job, *OPERATOR_JOBS, *LOOK_JOBS]
    if workshop.share.is_first:  # what concerns all clients is looked after once
        sensors += [fleet_sensor, alerts]
        schedules.append(daily_housekeeping)
        assets.append(fleet)
        jobs.append(housekeeping_job)
    if declared.clients:
        sensors.append(cycle_due)
        schedules.append(full_reads)
    sensors.append(make_declaration_sensor({client.name: client.text() for client in declared.broken}))
    return dg.Definitions(
        assets=assets,
        asset_checks=[check for _, check in broken],
        jobs=jobs,
        sensors=sensors,
        schedules=schedules,
        resources={"workshop": workshop},
        executor=run_executor,
    )
