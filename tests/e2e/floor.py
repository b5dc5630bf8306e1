"""The three demo clients without a Dagster process: shops, ERPs and suppliers answer, and runs are executed in this process."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.config.environment import Environment
from s2s_pipelines.demo.stage import Stage
from s2s_pipelines.orchestration.factory import build_definitions

ROOT = Path(__file__).parents[2]


class ShiftedClock:
    """The machine's clock, some time ahead."""

    def __init__(self, ahead: timedelta) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Seen:
    """What one run reported, looked up by asset path."""

    result: dg.ExecuteInProcessResult

    @property
    def is_ok(self) -> bool:
        return self.result.success

    @property
    def pages(self) -> dict[str, dict[str, Any]]:
        """Metadata values of each materialised asset."""
        found = {}
        for event in self.result.all_events:
            if event.is_step_materialization:
                made = event.step_materialization_data.materialization
                found["/".join(made.asset_key.path)] = {k: v.value for k, v in made.metadata.items()}
        return found

    @property
    def checks(self) -> dict[str, dg.AssetCheckEvaluation]:
        """Evaluations by ``path:check``."""
        found = self.result.get_asset_check_evaluations()
        return {f"{'/'.join(e.asset_key.path)}:{e.check_name}": e for e in found}

    @property
    def failed_checks(self) -> dict[str, str]:
        return {name: e.description or "" for name, e in self.checks.items() if not e.passed}

    @property
    def op_page(self) -> dict[str, Any]:
        """Metadata of the one output of an op job."""
        events = [e for e in self.result.all_events if e.event_type_value == "STEP_OUTPUT"]
        assert len(events) == 1
        return {k: v.value for k, v in events[0].step_output_data.metadata.items()}

    @property
    def failures(self) -> str:
        events = [e for e in self.result.all_events if e.is_step_failure]
        texts = []
        for event in events:
            said = event.step_failure_data
            texts.append(str((said.user_failure_data and said.user_failure_data.description) or said.error))
        return "\n".join(texts)


@dataclass
class Floor:
    """Definitions, and a Dagster instance that lives in memory."""

    stage: Stage
    workshop: Workshop
    definitions: dg.Definitions
    instance: dg.DagsterInstance

    def materialise(
        self,
        keys: Collection[dg.AssetKey],
        *,
        config: Mapping[str, Any] | None = None,
        has_checks: bool = True,
        tags: Mapping[str, str] | None = None,
        partition_key: str | None = None,
    ) -> Seen:
        """One run of the job that the UI's Materialize button launches."""
        job = self.definitions.resolve_implicit_global_asset_job_def().get_subset(
            asset_selection=set(keys), asset_check_selection=None if has_checks else set()
        )
        return Seen(
            job.execute_in_process(
                instance=self.instance,
                run_config={"ops": dict(config or {})},
                raise_on_error=False,
                tags=tags,
                partition_key=partition_key,
            )
        )

    def evaluate(self, check: dg.AssetCheckKey) -> dg.AssetCheckEvaluation:
        """One check executed alone, as the button on its page does."""
        job = self.definitions.resolve_implicit_global_asset_job_def().get_subset(
            asset_selection=set(), asset_check_selection={check}
        )
        seen = Seen(job.execute_in_process(instance=self.instance, raise_on_error=False))
        assert seen.is_ok, seen.failures
        assert seen.pages == {}
        return next(iter(seen.checks.values()))

    def launch(self, job: str, config: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> Seen:
        """One run of an op job, with its run config as the launchpad takes it."""
        made = self.definitions.resolve_job_def(job)
        return Seen(made.execute_in_process(instance=self.instance, run_config=config, raise_on_error=False, tags=tags))

    def tick(self, sensor: str, *, cursor: str | None = None, workshop: Workshop | None = None) -> Any:
        """One evaluation of a shared sensor."""
        repository = self.definitions.get_repository_def()
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=cursor,
            repository_def=repository,
            resources={"workshop": workshop or self.workshop},
        )
        with context:
            return repository.get_sensor_def(sensor).evaluate_tick(context)

    def keys_of(self, client: str) -> list[dg.AssetKey]:
        """All assets of a client's cycle, without the partitioned sweep."""
        graph = self.definitions.resolve_asset_graph()
        keys = graph.get_all_asset_keys()
        return sorted((k for k in keys if k.path[0] == client and k.path != [client, "orders"]), key=str)

    def marks(self) -> dict[str, int]:
        """Marks to count the shops' writing requests from."""
        return {client: shop.tables.mark() for client, shop in self.stage.shops.items()}

    def writes(self, marks: Mapping[str, int], clients: Sequence[str] | None = None) -> int:
        """Writing requests that reached the shops since."""
        chosen = clients or list(marks)
        return sum(self.stage.shops[client].tables.write_count(marks[client]) for client in chosen)


@contextmanager
def floor_in(folder: Path) -> Iterator[Floor]:
    """Build the demo world below a folder and serve it for as long as the context lasts; the environment is left alone."""
    with (
        Stage(ROOT, folder, lambda _: None, has_dagster=False) as stage,
        dg.DagsterInstance.ephemeral(tempdir=str(folder / "dagster")) as instance,
        workshop_of(stage.environment) as workshop,
    ):
        yield Floor(stage, workshop, build_definitions(workshop), instance)


@contextmanager
def workshop_of(environment: Mapping[str, str], *, ahead: timedelta = timedelta(0)) -> Iterator[Workshop]:
    """A workshop that lets go of its database at the end."""
    made = Workshop(Environment.from_mapping(environment), clock=ShiftedClock(ahead))
    try:
        yield made
    finally:
        made.close()
