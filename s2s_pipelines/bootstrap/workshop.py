"""All clients of one environment, and what can be done for one of them."""

from s2s_pipelines.bootstrap.alert_work import AlertRoom
from s2s_pipelines.bootstrap.cycle_work import CycleRoom
from s2s_pipelines.bootstrap.operator_work import OperatorRoom
from s2s_pipelines.bootstrap.order_work import OrderRoom
from s2s_pipelines.bootstrap.page_work import PageRoom


class Workshop(CycleRoom, OrderRoom, OperatorRoom, AlertRoom, PageRoom):
    """Both sides in one hand: what Dagster, the command line and the demo work with."""
