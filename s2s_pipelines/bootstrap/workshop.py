"""All clients of one environment, and what can be done for one of them."""

from s2s_pipelines.bootstrap.catalogue_work import CatalogueWork
from s2s_pipelines.bootstrap.fleet_work import FleetWork
from s2s_pipelines.bootstrap.order_work import OrderRoom
from s2s_pipelines.bootstrap.upkeep import Upkeep


class Workshop(CatalogueWork, OrderRoom, FleetWork, Upkeep):
    """Both sides in one hand: what Dagster, the command line and the demo work with."""
