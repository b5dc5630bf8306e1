"""The job that deletes what is kept no longer, and its schedule."""

from datetime import UTC

import dagster as dg
from pydantic import Field

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.bootstrap.upkeep import HousekeepingReport
from s2s_pipelines.cycle.retention import limit
from s2s_pipelines.errors import S2SError
from s2s_pipelines.orchestration.instance import opened_instance
from s2s_pipelines.orchestration.metadata import fenced
from s2s_pipelines.orchestration.run_retention import delete_old_runs, delete_run_files_of_nobody, purge_old_ticks
from s2s_pipelines.orchestration.worker import run_executor

RUNS_BUDGET_S = 1200.0
"""A run is deleted in some 30 ms; what is left after that time goes the next day."""

DAGSTER = "Dagster's storage"


class HousekeepingConfig(dg.Config):
    """Whether anything is deleted."""

    dry_run: bool = Field(default=False, description="Only count what would be deleted by the ages of operations.yaml.")


def keep_house(workshop: Workshop, instance: dg.DagsterInstance, *, is_dry: bool = False) -> HousekeepingReport:
    """Delete what is kept no longer: ours, client by client, and then Dagster's runs and ticks."""
    try:
        report = workshop.housekeep(is_dry=is_dry)
    except S2SError as error:
        report = HousekeepingReport(problems={"S2S_HOME": str(error)})
    ages, now = workshop.operations.retention, workshop.clock.now().astimezone(UTC)
    try:
        runs, is_left = delete_old_runs(instance, limit(now, ages.runs), budget_s=RUNS_BUDGET_S, is_dry=is_dry)
        report.add("runs", runs)
        report.add("files of deleted runs", delete_run_files_of_nobody(instance, limit(now, ages.runs), is_dry=is_dry))
        report.add("ticks", purge_old_ticks(instance, limit(now, ages.ticks), is_dry=is_dry))
    except (S2SError, OSError, dg.DagsterError) as error:
        report.problems[DAGSTER] = str(error)
        return report
    if is_left:
        report.problems[DAGSTER] = f"more old runs are left than could be deleted in {RUNS_BUDGET_S:.0f} s"
    return report


def keep_house_here(workshop: Workshop, *, is_dry: bool) -> HousekeepingReport:
    """The same on the instance that the environment describes."""
    with opened_instance() as instance:
        return keep_house(workshop, instance, is_dry=is_dry)


@dg.op(description="Deletes old runs, ticks, snapshots, plans, raw order bodies and files that nothing refers to.")
def delete_what_is_kept_no_longer(
    context: dg.OpExecutionContext, config: HousekeepingConfig, workshop: dg.ResourceParam[Workshop]
) -> None:
    """One client after the other; one that fails stops no other."""
    report = keep_house(workshop, context.instance, is_dry=config.dry_run)
    lines = report.lines(is_dry=config.dry_run)
    for line in lines:
        context.log.info(line)
    context.add_output_metadata({**report.counts, "megabytes": round(report.size_b / 1e6, 1)})
    if report.problems:
        problems = "\n".join(f"{who}: {problem}" for who, problem in report.problems.items())
        raise dg.Failure(
            "some of it could not be deleted; the rest was",
            metadata={"problems": fenced(problems)},
            allow_retries=False,
        )


@dg.job(
    name="housekeeping",
    description="Delete what is kept no longer, by the ages of operations.yaml. Orders, receipts and links are never among it.",
    executor_def=run_executor,
)
def housekeeping_job() -> None:
    """Launched daily, and by operators."""
    delete_what_is_kept_no_longer()


daily_housekeeping = dg.ScheduleDefinition(
    name="daily_housekeeping",
    job=housekeeping_job,
    cron_schedule="40 3 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at 03:40 UTC.",
)
