"""The composition root that Dagster loads: declarations become assets, and the shared jobs, sensors and schedules join them.

Loading reads the declarations and nothing else: no network, no database, and an empty environment is enough.
"""

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.collector import collect_seldom
from s2s_pipelines.orchestration.description import describe_once
from s2s_pipelines.orchestration.errand import clients_of_this_process
from s2s_pipelines.orchestration.factory import build_definitions

collect_seldom()
describe_once()
defs = build_definitions(Workshop.for_code_server(), clients_of_this_process())
