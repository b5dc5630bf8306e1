"""What came of one client's cycle: its sources read, its catalogue merged, its channels planned and pushed."""

from dataclasses import dataclass

from s2s_pipelines.cycle.feed_read import Fault
from s2s_pipelines.cycle.port import StoredPlan
from s2s_pipelines.cycle.publish import PlanResult
from s2s_pipelines.cycle.push import PushResult
from s2s_pipelines.cycle.refresh import ClientResult
from s2s_pipelines.model.pause import Pause


@dataclass(frozen=True, slots=True)
class ChannelCycle:
    """What came of one channel.

    Attributes:
        stored: its newest plan, with the verdict; None when there is none.
        is_new: that plan says something else than the one before, and not just that everything was sent.
        plan: None when none was made.
        push: None when nothing was pushed.
        pause: what a person stopped; nothing was done then.
        fault: why it broke off.
    """

    channel: str
    stored: StoredPlan | None = None
    is_new: bool = False
    plan: PlanResult | None = None
    push: PushResult | None = None
    pause: Pause | None = None
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class ClientCycle:
    """What came of one client.

    Attributes:
        refreshed: None when it broke off before the sources were read.
        channels: of those that were to be planned.
        fault: why it broke off as a whole.
        is_busy: somebody else has this client in hand at this moment; it is due again by itself.
    """

    client: str
    seconds: float
    refreshed: ClientResult | None = None
    channels: tuple[ChannelCycle, ...] = ()
    fault: Fault | None = None
    is_busy: bool = False

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What a person must look at, for work could not go on. A source that cannot be read stops nothing and is none."""
        own = () if self.fault is None or self.is_busy else (self.fault,)
        return own + tuple(channel.fault for channel in self.channels if channel.fault is not None)

    @property
    def troubled_feeds(self) -> tuple[str, ...]:
        """Feeds that could not be read, or whose read was refused: what stood of them stands."""
        if self.refreshed is None:
            return ()
        read = [feed for source in self.refreshed.sources.values() for feed in source.feeds]
        return tuple(f"{feed.source}/{feed.feed}" for feed in read if feed.outcome in ("failed", "refused"))

    @property
    def waiting(self) -> tuple[str, ...]:
        """What people keep back: what is paused, and a plan that awaits approval."""
        sources = self.refreshed.sources.values() if self.refreshed is not None else ()
        paused = [note for s in sources for feed in s.feeds if feed.outcome == "paused" for note in feed.notes]
        pushes = [
            c.push.why if c.push is not None else c.pause.message if c.pause is not None else "" for c in self.channels
        ]
        return tuple(dict.fromkeys(text for text in (*paused, *pushes) if text))

    @property
    def new_feeds(self) -> tuple[str, ...]:
        """Feeds that brought something new."""
        if self.refreshed is None:
            return ()
        read = [feed for source in self.refreshed.sources.values() for feed in source.feeds]
        return tuple(f"{feed.source}/{feed.feed}" for feed in read if feed.outcome == "kept")

    @property
    def sent(self) -> int:
        """Items handed to the channels."""
        return sum(channel.push.sent for channel in self.channels if channel.push is not None)

    @property
    def failed(self) -> int:
        """Items that a channel did not take."""
        return sum(channel.push.failed for channel in self.channels if channel.push is not None)

    @property
    def is_changed(self) -> bool:
        """Whether anything is other than before."""
        return bool(self.new_feeds or self.sent or any(channel.is_new for channel in self.channels))
