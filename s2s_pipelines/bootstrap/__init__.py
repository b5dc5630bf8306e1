"""The composition root: declarations and environment become ports, stores and the work of one client.

Everything is built when first used, so that loading definitions reads the declarations and nothing else. No rule of the
trade stands here.
"""

from s2s_pipelines.bootstrap.cycle_work import CycleShare, CycleWork
from s2s_pipelines.bootstrap.declared import channel_plan, client_plan
from s2s_pipelines.bootstrap.foundation import SystemClock
from s2s_pipelines.bootstrap.order_work import OrderWork, Polled
from s2s_pipelines.bootstrap.workshop import Workshop

__all__ = ["CycleShare", "CycleWork", "OrderWork", "Polled", "SystemClock", "Workshop", "channel_plan", "client_plan"]
