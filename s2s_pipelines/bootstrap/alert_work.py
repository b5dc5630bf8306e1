"""The alerts' side of the workshop: what is wrong now, told to everybody who is declared, once."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from s2s_pipelines.bootstrap.fleet_work import FleetWork
from s2s_pipelines.errors import S2SError

if TYPE_CHECKING:
    from s2s_pipelines.cycle.alerting import Alert, Message
    from s2s_pipelines.cycle.cause import Cause
    from s2s_pipelines.notify.sender import Outgoing, Sender
    from s2s_pipelines.storage.alert_store import Alerts

LEASE_S = 120.0
"""Longer than any telling takes: nobody else tells meanwhile, or a cause would be told twice."""

_LAST_MESSAGE_S = 20.0
"""What the last message that was begun in time may still take, before its receiver is given up for this time."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of telling.

    Attributes:
        sent: messages taken, by receiver.
        problems: why a receiver could not be reached, by receiver.
        waiting: receivers left alone because they could not be reached a moment ago.
    """

    sent: Mapping[str, int]
    problems: Mapping[str, str]
    waiting: tuple[str, ...] = ()


class AlertRoom(FleetWork):
    """Opens and closes alerts, and tells of them."""

    @cached_property
    def alerts(self) -> "Alerts":
        """What was found to be wrong, and who was told of it."""
        from s2s_pipelines.storage.alert_store import Alerts

        return Alerts(self.engine, self.clock)

    def tell(self, causes: "Iterable[Cause]", *, is_settling: bool = False, budget_s: float = 25.0) -> Delivery:
        """Open alerts for new causes, close those that are over, and send each receiver what it was not told yet.

        Args:
            causes: everything that is wrong now, the unreachable receivers aside, which are seen to here.
            is_settling: work begins anew after a standstill: what is wrong by its age alone waits.
            budget_s: seconds after which no further message is begun; what is left is sent the next time.

        Raises:
            BusyError: somebody else is telling at this moment.
        """
        from s2s_pipelines.cycle.alerting import reconcile

        with self.leases.take("alerts", self.holder, LEASE_S):
            own = [alert for alert in self.alerts.current() if alert.kind != "failed_receiver"]
            alive = [alert for alert in own if alert.closed_at is None]
            self.alerts.apply(reconcile(causes, alive, self.clock.now(), is_settling=is_settling))
            return self._deliver(time.monotonic() + budget_s)

    def _deliver(self, until: float) -> Delivery:
        """Send to all receivers side by side: one that hangs holds up no other."""
        from s2s_pipelines.cycle.alerting import receiver_cause_key, retry_at

        alerts, now = self.alerts.current(), self.clock.now()
        receivers = self.operations.alerts.receivers
        unreachable = {
            alert.cause: alert for alert in alerts if alert.kind == "failed_receiver" and alert.closed_at is None
        }
        for key in unreachable.keys() - {receiver_cause_key(name) for name in receivers}:
            self.alerts.close(key)
        resting = {
            name
            for name in receivers
            if (known := unreachable.get(receiver_cause_key(name))) is not None and retry_at(known) > now
        }
        hanging = {name for name, last in self._sending.items() if not last.done()}
        called = [name for name in receivers if name not in resting | hanging]
        pool = ThreadPoolExecutor(max_workers=max(1, len(called)), thread_name_prefix="alert")
        started = {name: pool.submit(self._send_all, name, alerts, until) for name in called}
        self._sending.update(started)
        wait(started.values(), timeout=max(0.0, until - time.monotonic()) + _LAST_MESSAGE_S)
        pool.shutdown(wait=False, cancel_futures=True)
        sent: dict[str, int] = {}
        problems: dict[str, str] = {}
        for name, future in started.items():
            sent[name], problem = future.result() if future.done() else (0, "it took too long")
            self._note_reached(name, sent[name], problem, is_known=receiver_cause_key(name) in unreachable)
            if problem:
                problems[name] = problem
        return Delivery(sent, problems, tuple(sorted(resting | hanging)))

    @cached_property
    def _sending(self) -> "dict[str, Future[tuple[int, str]]]":
        """What was begun for each receiver last: one that hangs in the middle of a message is not begun twice."""
        return {}

    def _send_all(self, name: str, alerts: "Sequence[Alert]", until: float) -> tuple[int, str]:
        """What one receiver was not told yet, message by message; how many it took, and what stopped that."""
        from s2s_pipelines.cycle.alerting import Manner, digest_moment, messages

        terms, now = self.operations.alerts, self.clock.now()
        manner = Manner(terms.most_at_once, digest_moment(now, terms.digest_at, terms.timezone))
        count = 0
        try:
            send = self._sender(name).send
            for message in messages(name, alerts, now, manner):
                if time.monotonic() >= until:
                    break
                send(self._outgoing(message))
                # Noted at once: a crash in between repeats this one message, and no other.
                self.alerts.note_told(message.alerts, name, message.marks)
                count += 1
        except S2SError as error:
            return count, str(error)
        return count, ""

    def _note_reached(self, name: str, sent: int, problem: str, *, is_known: bool) -> None:
        from s2s_pipelines.cycle.alerting import receiver_cause_key
        from s2s_pipelines.cycle.cause import Cause
        from s2s_pipelines.cycle.place import asset_page

        if problem:
            remedy = f"mend alerts.receivers.{name} in operations.yaml, and try `s2s alerts --test`"
            subject = f"the receiver {name} cannot be reached"
            page = asset_page("fleet")
            self.alerts.touch(Cause("failed_receiver", (name,), None, subject, problem, remedy, page))
        elif sent and is_known:
            self.alerts.close(receiver_cause_key(name))

    def _sender(self, name: str) -> "Sender":
        from s2s_pipelines.notify.sender import sender_of

        return sender_of(name, self.operations.alerts.receivers[name])

    def _outgoing(self, message: "Message") -> "Outgoing":
        from s2s_pipelines.cycle import alert_text
        from s2s_pipelines.notify.sender import Outgoing

        ui_url = self.operations.ui_url
        return Outgoing(
            message.reference,
            alert_text.subject(message),
            alert_text.text(message, ui_url),
            alert_text.payload(message, ui_url, self.clock.now()),
        )

    def try_receivers(self, tell: Callable[[str, str], None]) -> bool:
        """Send a trial message to every receiver, one after the other; whether all of them took it.

        Args:
            tell: hears of each receiver and what came of it; empty text: it took the message.
        """
        from s2s_pipelines.cycle.alerting import Message

        is_well = True
        for name in self.operations.alerts.receivers:
            try:
                self._sender(name).send(self._outgoing(Message("trial", (), f"{self.clock.now():%Y%m%dT%H%M%S}")))
            except S2SError as error:
                is_well = False
                tell(name, str(error))
            else:
                tell(name, "")
        return is_well
