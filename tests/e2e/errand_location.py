"""A code location that notes what it was loaded for."""

import dagster as dg

from s2s_pipelines.orchestration.errand import clients_of_this_process

LOADED_FOR = clients_of_this_process()


@dg.asset(key=["acme", "catalogue"], check_specs=[dg.AssetCheckSpec("merged", asset=["acme", "catalogue"])])
def acme():
    yield dg.MaterializeResult()
    yield dg.AssetCheckResult(passed=True)


@dg.asset(key=["zeta", "catalogue"])
def zeta() -> None: ...


@dg.op
def nothing() -> None: ...


@dg.job
def chores() -> None:
    nothing()


defs = dg.Definitions(assets=[acme, zeta], jobs=[chores], executor=dg.in_process_executor)
