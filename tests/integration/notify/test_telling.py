"""Everything that can be wrong, from our database and Dagster to a mailbox and a webhook: told once, and cleared once."""

import json
import shutil
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, TickData, TickStatus
from dagster._core.test_utils import create_run_for_test
from dagster_shared.error import SerializableErrorInfo

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.cli import main
from s2s_pipelines.config.environment import Environment
from s2s_pipelines.cycle.cause import KINDS
from s2s_pipelines.orchestration.alerts import alerts
from s2s_pipelines.storage import schema

ROOT = Path(__file__).parents[3]
CLIENTS = ("karoo_outdoor", "stokvel_direct", "twin_branches")
KAROO = "karoo_outdoor"
TRIPPED = {"vanish": {"is_tripped": True, "message": "30 of 100 variants would be taken off; the limit is 20%"}}
OPERATIONS = """\
ui_url: https://dagster.example.com
alerts:
  most_at_once: {most}
  timezone: UTC
  digest_at: "{digest}"
  receivers:
    ops: {{kind: email, host: localhost, port: {port}, security: none, sender: s2s@example.com, to: [ops@example.com]}}
    desk: {{kind: webhook, url: "{url}"}}
"""


class Clock:
    def __init__(self):
        self.at = datetime.now(UTC)

    def now(self):
        return self.at

    def move(self, **span):
        self.at += timedelta(**span)


class World:
    """The demo's declarations, a database in which all is well, two receivers, and a Dagster of its own."""

    def __init__(self, folder, box, hook, instance, *, most=100, digest="03:00"):
        self.folder, self.box, self.hook, self.instance = folder, box, hook, instance
        self.clock, self.cursor = Clock(), None
        for name in ("assets", "resources"):
            shutil.copytree(ROOT / name, folder / name)
        text = OPERATIONS.format(port=box.port, url=hook.url, most=most, digest=digest)
        (folder / "operations.yaml").write_text(text)
        file = folder / "assets" / KAROO / "client.yaml"
        file.write_text(file.read_text().replace("poll_every: PT1S", "poll_every: PT1S\n      quiet_after: P2D"))
        self.workshop = self._opened()

    def _opened(self):
        return Workshop(
            Environment.from_mapping({"S2S_ROOT": str(self.folder), "S2S_HOME": str(self.folder / "home")}),
            clock=self.clock,
        )

    def restart(self):
        """Everything that is only in memory is gone, Dagster's cursor too."""
        self.workshop.close()
        self.workshop, self.cursor = self._opened(), None

    def tick(self):
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"workshop": self.workshop}
        ) as context:
            result = alerts.evaluate_tick(context)
        self.cursor = result.cursor
        return result.skip_message

    def look(self, minutes=1.0):
        """Ticks, as time passes."""
        for _ in range(max(1, round(minutes))):
            self.clock.move(seconds=60)
            said = self.tick()
        return said

    def put(self, table, **values):
        with self.workshop.engine.begin() as connection:
            connection.execute(sa.insert(table).values(**values))

    def change(self, table, where, **values):
        with self.workshop.engine.begin() as connection:
            wanted = [table.c[name] == value for name, value in where.items()]
            assert connection.execute(sa.update(table).where(*wanted).values(**values)).rowcount

    def remove(self, table, **where):
        with self.workshop.engine.begin() as connection:
            connection.execute(sa.delete(table).where(*(table.c[name] == value for name, value in where.items())))

    def breathe(self):
        """Every feed was just read, every catalogue merged, every channel planned, pushed and polled."""
        now = self.clock.now()
        for table in (schema.snapshot, schema.feed_state, schema.plan, schema.poll_state, schema.sales_order):
            self.remove(table)
        for table in (schema.channel_item, schema.inbox):
            self.remove(table)
        for client in self.workshop.fleet.clients:
            for source, declared in client.declaration.sources.items():
                for feed in declared.feeds:
                    self.stand(client.name, f"source/{source}/{feed}", now)
                    state = {"attempted_at": now, "succeeded_at": now, "full_at": now, "failures": 0}
                    self.put(schema.feed_state, client=client.name, source=source, feed=feed, **state)
            self.stand(client.name, "catalogue", now, details={"conflicts": 0})
            self.plan(client.name)
            polled = {"attempted_at": now, "succeeded_at": now, "failures": 0}
            self.put(schema.poll_state, client=client.name, channel="shop", **polled)
        self.order("1", "complete")

    def stand(self, client, name, at, **values):
        made = {"rows_in": 10, "rows_out": 10, "rejected": 0, "read_at": at, "content_since": at, "created_at": at}
        rest = {"path": "p", "is_current": True, "fingerprint": "f", "is_complete": True, "details": {}}
        self.put(schema.snapshot, client=client, name=name, **{**rest, **made, **values})

    def plan(self, client=KAROO, **values):
        at = values.get("created_at", self.clock.now())
        made = {
            "path": "p",
            "digest": "d",
            "catalogue_fingerprint": "f",
            "breakers": {},
            "counts": {"variant_update": 3},
        }
        done = {"verdict": "clear", "created_at": at, "pushed_at": at, "outcome": {"status": "pushed", "fault": None}}
        self.put(schema.plan, client=client, channel="shop", **{**made, **done, **values})

    def order(self, code, state, **values):
        now = self.clock.now()
        key = {"client": KAROO, "channel": "shop", "channel_order_code": code, "number": code, "state": state}
        times = {"ordered_at": now, "modified_at": now, "received_at": now, "changed_at": now}
        rest = {"status": "processing", "order": {}, "content_hash": "h", "currency": "ZAR", "total": Decimal(1)}
        self.put(schema.sales_order, **{**key, **times, **rest, "due_at": None, **values})

    def run(self, *, is_ok, job="housekeeping", text="the disk is full"):
        @dg.op(name="keep_house")
        def keep_house():
            if not is_ok:
                raise dg.Failure(text, allow_retries=False)

        @dg.job(name=job)
        def made():
            keep_house()

        made.execute_in_process(instance=self.instance, raise_on_error=False)

    def lose_worker(self):
        run = create_run_for_test(self.instance, job_name="cycle", status=dg.DagsterRunStatus.STARTED)
        self.instance.report_run_failed(run, "run worker process exited with code -9")

    def find_worker(self):
        create_run_for_test(self.instance, job_name="cycle", status=dg.DagsterRunStatus.STARTED)
        (run,) = self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        self.instance.report_dagster_event(
            dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, run.job_name), run.run_id
        )

    def end_tick(self, status):
        place = RegisteredCodeLocationOrigin("s2s_pipelines.definitions")
        origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(place, "__repository__"), "orders_due")
        state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING)
        if not self.instance.all_instigator_state():
            self.instance.add_instigator_state(state)
        error = SerializableErrorInfo("KeyError: 'ann@example.com'\n", [], "KeyError")
        known = {"error": error} if status == TickStatus.FAILURE else {}
        ended = (origin.get_id(), "orders_due", InstigatorType.SENSOR, status, self.clock.now().timestamp())
        self.instance.create_tick(TickData(*ended, run_ids=[], run_keys=[], selector_id=state.selector_id, **known))


@contextmanager
def world_in(folder, box, hook, **values):
    with dg.instance_for_test() as instance:
        made = World(folder, box, hook, instance, **values)
        made.breathe()
        yield made
        made.workshop.close()


@pytest.fixture
def world(tmp_path, mail_server, hook):
    with world_in(tmp_path, mail_server(), hook) as made:
        yield made


def before(world, **span):
    return world.clock.now() - timedelta(**span)


FEED = {"client": KAROO, "source": "erp", "feed": "products"}
SUPPLIER = {"client": KAROO, "name": "source/supplier/products"}
MERGED = {"client": KAROO, "name": "catalogue"}
ITEM = {"level": "variant", "item_key": "0042", "product_key": "0042", "is_listed": True, "is_uncertain": False}
POLL = {"client": KAROO, "channel": "shop"}


def refuse(world):
    world.change(schema.feed_state, FEED, failures=1, error_class="AccessError", error="the server refused the login")


def grow_stale(world):
    old = before(world, hours=5)
    world.change(schema.snapshot, {"client": KAROO, "name": "source/erp/products"}, read_at=old)
    world.change(schema.feed_state, FEED, succeeded_at=old)


def leave_unmerged(world):
    world.change(schema.snapshot, MERGED, created_at=before(world, hours=5))
    world.change(schema.snapshot, SUPPLIER, created_at=before(world, hours=1))


def fail_an_item(world):
    said = {"reason": "refused", "message": "no tax class", "remedy": "make the tax class", "is_retriable": False}
    world.put(schema.channel_item, client=KAROO, channel="shop", failures=2, **ITEM, **said)


def misread(world):
    now = world.clock.now()
    body = {"channel_order_code": "9", "body_hash": "h", "body": "{}", "problem": "no currency"}
    world.put(schema.inbox, **POLL, **body, modified_at=now, received_at=now, taken_at=now)


def hold(world):
    said = {"reason": "unknown_sku", "message": "sku 0042 is unknown", "remedy": "add it to the ERP"}
    world.order("2", "held", **said)


def break_declarations(world):
    file = world.folder / "assets" / "stokvel_direct" / "client.yaml"
    file.write_text(file.read_text().replace("timezone: Africa/Johannesburg", "timezone: Africa/Joburg"))
    world.workshop.__dict__.pop("fleet", None)
    world.workshop.__dict__.pop("declared", None)
    world.workshop.__dict__.pop("_watched", None)
    world.workshop.__dict__.pop("_clients", None)


WRONG = {
    "unreadable_source": refuse,
    "stale_feed": grow_stale,
    "overdue_source": lambda w: w.change(schema.snapshot, SUPPLIER, content_since=before(w, days=9)),
    "stale_catalogue": leave_unmerged,
    "two_owners": lambda w: w.change(schema.snapshot, MERGED, details={"conflicts": 2}),
    "breaker": lambda w: w.plan(verdict="stopped", breakers=TRIPPED, pushed_at=None, outcome=None),
    "awaiting_approval": lambda w: w.plan(verdict="awaiting", pushed_at=None, outcome=None),
    "stopped_push": lambda w: w.plan(pushed_at=None, outcome={"status": "partial", "fault": "it did not answer"}),
    "unpushed_plan": lambda w: w.plan(pushed_at=None, outcome=None, created_at=before(w, hours=5)),
    "failed_items": fail_an_item,
    "unpolled_channel": lambda w: w.change(schema.poll_state, POLL, failures=2, error="it did not answer"),
    "silent_channel": lambda w: w.change(schema.sales_order, POLL, ordered_at=before(w, days=3)),
    "held_orders": hold,
    "waiting_orders": lambda w: w.order("3", "due", due_at=w.clock.now(), changed_at=before(w, hours=1)),
    "odd_orders": misread,
    "failed_run": lambda w: w.run(is_ok=False),
    "killed_worker": lambda w: w.lose_worker(),
    "failed_tick": lambda w: w.end_tick(TickStatus.FAILURE),
    "broken_declaration": break_declarations,
}
MENDED = {
    "failed_run": lambda w: w.run(is_ok=True),
    "killed_worker": lambda w: w.find_worker(),
    "failed_tick": lambda w: w.end_tick(TickStatus.SUCCESS),
}


def settle(world):
    """After a standstill, what is wrong by age waits a quarter of an hour."""
    world.tick()
    world.clock.move(minutes=4)
    for _ in range(4):
        world.tick()
        world.clock.move(minutes=4)
    world.breathe()
    world.tick()


def test_every_kind_of_cause_that_is_told_at_once_is_tried_here():
    urgent = {kind for kind, of in KINDS.items() if of.severity == "error"}
    assert set(WRONG) == urgent - {"failed_receiver"}


@pytest.mark.parametrize("kind", ["killed_worker", "failed_run"])
def test_what_was_over_before_the_next_look_is_told_once_and_cleared_once(world, kind):
    settle(world)
    WRONG[kind](world)
    MENDED[kind](world)
    world.look(minutes=2)
    (opened,) = world.hook.events
    assert (opened["event"], opened["alerts"][0]["kind"]) == ("opened", kind)
    world.look(minutes=12)
    assert [event["event"] for event in world.hook.events] == ["opened", "all_clear"]
    assert len(world.box.mails) == 2


@pytest.mark.parametrize("kind", WRONG)
def test_each_kind_is_told_once_by_mail_and_webhook_and_cleared_once(world, kind):
    settle(world)
    assert (world.box.mails, world.hook.posts) == ([], [])

    WRONG[kind](world)
    world.look()
    (mail,), (post,) = world.box.mails, world.hook.events
    (told,) = post["alerts"]
    assert (post["event"], told["kind"]) == ("opened", kind)
    assert told["message"]
    assert told["remedy"]
    assert told["link"].startswith("https://dagster.example.com/")
    assert told["subject"] in str(mail["Subject"])
    text = world.box.texts[0]
    assert told["remedy"] in text
    assert told["link"] in text
    assert "@" not in text

    world.look(minutes=6)
    world.restart()
    world.look(minutes=2)
    assert (len(world.box.mails), len(world.hook.posts)) == (1, 1)

    MENDED.get(kind, World.breathe)(world)
    if kind == "broken_declaration":
        shutil.copytree(ROOT / "assets", world.folder / "assets", dirs_exist_ok=True)
        world.restart()
    if kind in MENDED:
        world.cursor = world.cursor.replace(
            world.cursor.split('runs_until": "')[1].split('"')[0], "2026-01-01T00:00:00+00:00"
        )
    world.look(minutes=5)
    assert [event["event"] for event in world.hook.events] == ["opened", "all_clear"]
    assert world.hook.events[1]["alerts"][0]["cause"] == told["cause"]
    assert world.box.subjects[1].startswith("[s2s] all clear: ")
    world.look(minutes=5)
    assert (len(world.box.mails), len(world.hook.posts)) == (2, 2)


def test_everything_at_once_is_told_cause_by_cause_and_cleared_together(world):
    settle(world)
    apart = ("awaiting_approval", "stopped_push", "unpushed_plan", "stale_feed", "broken_declaration", "silent_channel")
    together = [kind for kind in WRONG if kind not in apart]
    for kind in together:
        WRONG[kind](world)
    world.look(minutes=3)
    assert sorted(event["alerts"][0]["kind"] for event in world.hook.events) == sorted(together)
    assert len(world.box.mails) == len(together)
    world.breathe()
    for mend in MENDED.values():
        mend(world)
    world.look(minutes=6)
    clears = [event for event in world.hook.events if event["event"] == "all_clear"]
    assert sorted(alert["kind"] for event in clears for alert in event["alerts"]) == sorted(together)


def test_many_at_once_come_one_by_one_up_to_the_declared_number_and_then_as_a_summary(tmp_path, mail_server, hook):
    with world_in(tmp_path, mail_server(), hook, most=2) as world:
        settle(world)
        for kind in ("unreadable_source", "breaker", "failed_items", "held_orders", "odd_orders"):
            WRONG[kind](world)
        world.look(minutes=10)
        assert [(e["event"], len(e["alerts"])) for e in hook.events] == [("opened", 1), ("opened", 1), ("summary", 3)]
        assert world.box.subjects[2] == "[s2s] 3 more causes at 1 client"


def test_the_digest_of_a_day_holds_what_is_still_wrong_with_the_warnings(tmp_path, mail_server, hook):
    at = datetime.now(UTC) + timedelta(hours=2)
    with world_in(tmp_path, mail_server(), hook, digest=f"{at:%H:%M}") as world:
        settle(world)
        hold(world)
        world.change(schema.snapshot, {"client": KAROO, "name": "source/erp/products"}, rejected=7)
        world.look(minutes=2)
        assert [event["event"] for event in hook.events] == ["opened"]
        world.clock.move(hours=2)
        world.look(minutes=3)
        digests = [event for event in hook.events if event["event"] == "digest"]
        assert len(digests) == 1
        kinds = [alert["kind"] for alert in digests[0]["alerts"]]
        assert {"held_orders", "rejected_rows"} <= set(kinds)
        assert kinds.index("held_orders") < kinds.index("rejected_rows")
        assert "7 rows of erp/products rejected" in world.box.texts[-1]


def test_a_receiver_that_is_down_is_told_of_by_the_other_and_misses_nothing(world):
    settle(world)
    hook_status, world.hook.status = world.hook.status, 503
    hold(world)
    said = world.look()
    assert "not reached: desk" in said
    assert [subject for subject in world.box.subjects if "held" in subject]
    world.look(minutes=3)
    assert [s for s in world.box.subjects if "the receiver desk cannot be reached" in s] == [world.box.subjects[-1]]
    world.hook.status = hook_status
    world.look(minutes=10)
    assert [event["alerts"][0]["kind"] for event in world.hook.events] == ["held_orders"]
    assert "[s2s] all clear: the receiver desk cannot be reached" in world.box.subjects
    assert len(world.box.subjects) == 3


def test_a_crash_between_sending_and_noting_repeats_that_one_message_and_no_other(world, monkeypatch):
    settle(world)
    hold(world)
    fail_an_item(world)
    noted, kept = [], world.workshop.alerts.note_told

    def dies(alerts, receiver, mark):
        if receiver == "desk":
            noted.append(alerts[0].kind)
            if len(noted) == 2:
                raise SystemExit("killed")
        kept(alerts, receiver, mark)

    monkeypatch.setattr(world.workshop.alerts, "note_told", dies)
    with pytest.raises(SystemExit):
        world.look()
    world.restart()
    world.clock.move(minutes=3)
    world.look(minutes=3)
    told = [event["id"] for event in world.hook.events]
    assert len(told) == 3
    assert len(set(told)) == 2
    assert told[1] == told[2]
    assert len(world.box.mails) == 2


def test_after_a_standstill_the_machine_catches_up_before_anybody_is_told_that_all_is_old(world):
    settle(world)
    world.clock.move(hours=9)
    world.look(minutes=3)
    assert (world.box.mails, world.hook.posts) == ([], [])
    for _ in range(4):
        world.clock.move(minutes=4)
        world.tick()
    assert "stale_feed" in {alert["kind"] for event in world.hook.events for alert in event["alerts"]}


def test_what_was_wrong_by_its_age_before_a_standstill_is_not_told_anew_after_it(world):
    settle(world)
    grow_stale(world)
    world.look()
    assert len(world.hook.events) == 1
    world.restart()
    world.look(minutes=2)
    assert len(world.hook.events) == 1


def test_nobody_is_told_when_nobody_is_declared(world):
    (world.folder / "operations.yaml").write_text("ui_url: https://dagster.example.com\n")
    world.restart()
    hold(world)
    assert world.look() == "nobody is declared to be told; add alerts.receivers to operations.yaml"
    assert world.workshop.alerts.current() == []


def test_open_alerts_are_listed_and_receivers_tried_from_the_shell(world, monkeypatch):
    settle(world)
    hold(world)
    world.look()
    for name in ("S2S_DATABASE_URL", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("S2S_ROOT", str(world.folder))
    monkeypatch.setenv("S2S_HOME", str(world.folder / "home"))

    listed = CliRunner().invoke(main, ["alerts"])
    assert listed.exit_code == 0
    assert (
        "karoo_outdoor: 1 order of shop held: unknown_sku [held_orders/karoo_outdoor/shop/unknown_sku]" in listed.output
    )
    assert "next: add it to the ERP" in listed.output
    assert "told: ops, desk" in listed.output
    (told,) = json.loads(CliRunner().invoke(main, ["alerts", "--json"]).output)
    assert told["kind"] == "held_orders"

    tried = CliRunner().invoke(main, ["alerts", "--test"])
    assert (tried.exit_code, tried.output) == (0, "ops: took the trial message\ndesk: took the trial message\n")
    assert world.box.subjects[-1] == "[s2s] a trial message"
    assert world.hook.events[-1]["event"] == "trial"
    world.hook.status = 500
    tried = CliRunner().invoke(main, ["alerts", "--test"])
    assert tried.exit_code == 1
    assert "desk: it answered 500" in tried.output
