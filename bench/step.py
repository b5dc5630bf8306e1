"""The steps of one client's life, each in a process of its own, all through the shipped workshop.

``publish``  the first cycle: every source read, catalogue merged, channel planned and everything sent
``recheck``  every source read again, then planned and pushed in full, with no short cut for channels at rest
``cycle``    what the shipped cycle does of that: it leaves a channel alone for which nothing changed
``merge``    the catalogue merged anew from what stands
``floor``    the bare DuckDB statement for the same merge, to Parquet
``same``     whether both made the same
"""

import os
import sys
from pathlib import Path
from typing import Any

from bench.client import CHANNEL, CLIENT, BenchWorkshop, open_workshop
from bench.measure import peak_mb, tell, timed


def _workshop() -> BenchWorkshop:
    return open_workshop(
        Path(os.environ["S2S_ROOT"]), Path(os.environ["S2S_HOME"]), os.environ.get("S2S_DATABASE_URL") or None
    )


def _sources(workshop: BenchWorkshop) -> list[str]:
    return list(workshop.client(CLIENT).declaration.sources)


def _feeds(workshop: BenchWorkshop) -> dict[str, list[Any]]:
    return {key: list(source.feeds) for key, source in workshop.client(CLIENT).declaration.sources.items()}


def _sent(workshop: BenchWorkshop) -> dict[str, int]:
    return {"writes": workshop.counting.writes, "skus": len(workshop.counting.skus)}


def publish() -> None:
    workshop = _workshop()
    seconds, found = timed(lambda: workshop.cycle_client(CLIENT, sources=_sources(workshop)))
    _refuse((*found.faults, *found.troubled_feeds))
    rows, rejected = found.refreshed.catalogue.rows, found.refreshed.sources["erp"].feeds[0].rejected
    tell(seconds=seconds, rows=rows, rejected=rejected, **_sent(workshop))


def seed() -> None:
    from bench.seed import seed_published

    workshop = _workshop()
    read_s, refreshed = timed(lambda: workshop.refresh(CLIENT, asked=_feeds(workshop), is_full=True))
    _refuse([] if refreshed.is_ok else [refreshed])
    plan_s, items = timed(lambda: seed_published(workshop))
    rejected = refreshed.sources["erp"].feeds[0].rejected
    tell(
        seconds=read_s + plan_s,
        refresh_s=read_s,
        plan_s=plan_s,
        rows=refreshed.catalogue.rows,
        rejected=rejected,
        items=items,
    )


def recheck() -> None:
    workshop = _workshop()
    feeds = _feeds(workshop)
    parts: dict[str, float] = {}

    def work() -> Any:
        parts["refresh_s"], refreshed = timed(lambda: workshop.refresh(CLIENT, asked=feeds, is_full=True))
        parts["refresh_mb"] = round(peak_mb(), 1)
        parts["plan_s"], _ = timed(lambda: workshop.plan(CLIENT, CHANNEL))
        parts["push_s"], pushed = timed(lambda: workshop.push(CLIENT, CHANNEL))
        return refreshed, pushed

    seconds, (refreshed, pushed) = timed(work)
    _refuse([] if refreshed.is_ok and pushed.status in ("pushed", "already_pushed") else [f"{refreshed} {pushed}"])
    tell(seconds=seconds, **parts, **_sent(workshop))


def cycle() -> None:
    workshop = _workshop()
    seconds, found = timed(lambda: workshop.cycle_client(CLIENT, sources=_sources(workshop)))
    _refuse((*found.faults, *found.troubled_feeds))
    tell(seconds=seconds, **_sent(workshop))


def merge() -> None:
    import sqlalchemy as sa

    from s2s_pipelines.bootstrap.declared import client_plan
    from s2s_pipelines.cycle.catalogue_merge import merge_client
    from s2s_pipelines.cycle.port import CATALOGUE
    from s2s_pipelines.storage.schema import snapshot

    workshop = _workshop()
    stands = workshop.catalogues.current(CLIENT, CATALOGUE)
    with workshop.engine.begin() as connection:  # forgotten what it was made from, so that it is made anew
        forgotten = {**stands.details, "recipe": ""}
        connection.execute(sa.update(snapshot).where(snapshot.c.id == stands.id).values(details=forgotten))
    plan = client_plan(workshop.client(CLIENT))
    seconds, made = timed(lambda: merge_client(plan, workshop.catalogues, workshop.clock))
    _refuse([made.fault] if made.fault or not made.is_new else [])
    tell(seconds=seconds, rows=made.rows)


def floor() -> None:
    from bench.floor import statement
    from s2s_pipelines.cycle.port import CATALOGUE

    workshop = _workshop()
    folder = Path(os.environ["S2S_HOME"]) / "catalogue"
    standing = workshop.catalogues.standing(CLIENT)
    paths = {n.removeprefix("source/"): folder / s.path for n, s in standing.items() if n != CATALOGUE}
    sql = statement(paths, list(workshop.catalogues.columns(standing["source/erp/products"])), _bare())

    def work() -> None:
        import duckdb

        with duckdb.connect(":memory:") as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(sql)

    seconds, _ = timed(work)
    tell(seconds=seconds)


def same() -> None:
    import pyarrow.parquet as pq

    from bench.floor import differences
    from s2s_pipelines.cycle.port import CATALOGUE

    workshop = _workshop()
    stands = workshop.catalogues.current(CLIENT, CATALOGUE)
    tell(wrong=differences(workshop.catalogues.read(stands), pq.read_table(_bare())))


def _bare() -> Path:
    return Path(os.environ["S2S_HOME"]) / "bare.parquet"


def _refuse(problems: Any) -> None:
    if problems:
        raise SystemExit("\n".join(map(str, problems))[:3000])


STEPS = {
    "publish": publish,
    "seed": seed,
    "recheck": recheck,
    "cycle": cycle,
    "merge": merge,
    "floor": floor,
    "same": same,
}

if __name__ == "__main__":
    STEPS[sys.argv[1]]()
