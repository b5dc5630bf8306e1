"""Asset checks: they display verdicts that were reached elsewhere, and guard nothing (dagster notes, section 1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from s2s_pipelines.cycle.look import spell

if TYPE_CHECKING:
    from s2s_pipelines.cycle.feed_read import FeedResult
    from s2s_pipelines.cycle.order_desk import SweepResult
    from s2s_pipelines.cycle.port import StoredPlan
    from s2s_pipelines.cycle.refresh import ClientResult

Judged = tuple[bool, dg.AssetCheckSeverity, str]
_ERROR, _WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
OK = "as it should be"
IN_TIME = "in_time"
"""The check that shows what is stale or late; told anew by the sensor ``fleet`` as time passes."""


@dataclass(frozen=True, slots=True)
class Check:
    """A check and the function that turns what an op saw into its verdict."""

    spec: dg.AssetCheckSpec
    verdict: Callable[[Any], Judged]

    def judge(self, seen: Any) -> dg.AssetCheckResult:
        """The result to yield."""
        passed, severity, text = self.verdict(seen)
        return dg.AssetCheckResult(
            passed=passed,
            asset_key=self.spec.asset_key,
            check_name=self.spec.name,
            severity=severity,
            description=text[:4000],
        )


def source_checks(key: dg.AssetKey) -> list[Check]:
    """Of a source's asset: it was read, every row is accounted for, it keeps to its rhythm."""
    path = key.path
    source, feeds = path[2], None if path[1] == "linked" else (path[3],)

    def read(result: "ClientResult") -> "list[FeedResult]":
        return [f for f in result.sources[source].feeds if feeds is None or f.feed in feeds]

    def reachable(result: "ClientResult") -> Judged:
        bad = [f for f in read(result) if f.outcome in ("failed", "refused")]
        words = [
            f"{f.feed}: {f.fault.message if f.fault else '; '.join(u.message for u in f.unfit)}{_age(f)}" for f in bad
        ]
        if bad:
            return False, _ERROR, "\n".join(words)
        paused = [note for f in read(result) if f.outcome == "paused" for note in f.notes]
        return not paused, _WARN if paused else _ERROR, paused[0] if paused else OK

    def accounted(result: "ClientResult") -> Judged:
        wrong = [f for f in read(result) if f.rows_in != f.rows_out + f.rejected + f.ignored]
        rejected = sum(f.rejected for f in read(result))
        if wrong:
            return False, _ERROR, "rows were lost between reading and mapping: " + ", ".join(f.feed for f in wrong)
        return rejected == 0, _WARN, f"{rejected} rows were rejected; each is kept with its reason" if rejected else OK

    def in_time(result: "ClientResult") -> Judged:
        stale = [stale_text(f.feed, f.stands_since, f.limit_s) for f in read(result) if f.is_stale]
        kept = result.sources[source].punctuality
        late = [] if kept in (None, "in_time") else [f"the next delivery is {kept}"]
        return not (stale or late), _WARN, "\n".join([*stale, *late]) or OK

    return [
        Check(dg.AssetCheckSpec("read", asset=key, description="The newest read stands."), reachable),
        Check(dg.AssetCheckSpec("rows", asset=key, description="Rows in = rows out + rejected + ignored."), accounted),
        Check(
            dg.AssetCheckSpec(
                IN_TIME, asset=key, description="What stands is not stale, and the source keeps to its declared rhythm."
            ),
            in_time,
        ),
    ]


def stale_text(feed: str, good_at: datetime | None, limit_s: float | None) -> str:
    """How a check says that what stands of a feed is stale; the age is left out, so that the same verdict reads the same."""
    since = f"the last good read is of {good_at:%Y-%m-%d %H:%M} UTC" if good_at is not None else "it was never read"
    return f"{feed} is stale: {since}, declared is at most {spell(timedelta(seconds=limit_s or 0.0))}"


def _age(feed: "FeedResult") -> str:
    return f" (the last good one is {feed.age_s / 60:.0f} minutes old and stands)" if feed.age_s is not None else ""


def catalogue_checks(key: dg.AssetKey) -> list[Check]:
    """Of the catalogue: it could be merged, and no sku has two owners."""

    def merged(result: "ClientResult") -> Judged:
        fault = result.catalogue.fault
        return fault is None, _ERROR, OK if fault is None else f"{fault.message}; the last good catalogue stands"

    def conflicts(result: "ClientResult") -> Judged:
        count = result.catalogue.conflicts
        text = f"{count} skus are offered by two primary sources: frozen on their channels, their orders are held"
        return count == 0, _ERROR, text if count else OK

    return [
        Check(dg.AssetCheckSpec("merged", asset=key, description="All sources could be merged."), merged),
        Check(dg.AssetCheckSpec("one_owner", asset=key, description="Each sku has one owner."), conflicts),
    ]


def plan_checks(key: dg.AssetKey, breakers: Sequence[str]) -> list[Check]:
    """Of a plan: its breakers, as the verdict in our database says."""
    return [_breaker(key, name) for name in breakers]


def _breaker(key: dg.AssetKey, name: str) -> Check:
    def verdict(seen: dict[str, Any]) -> Judged:
        stored = seen.get("stored")
        if stored is None or name not in stored.breakers:
            return False, _WARN, "there is no plan yet"
        found = stored.breakers[name]
        word = stored.let_through
        if found["is_tripped"] and word is not None and name in word.breakers:
            return False, _WARN, f"{found['message']}. Let through by {word.by}: {word.reason}"
        return not found["is_tripped"], _ERROR, found["message"]

    return Check(
        dg.AssetCheckSpec(name, asset=key, description="A breaker: a plan beyond its limit is not pushed."), verdict
    )


def plan_allows(stored: "StoredPlan | None") -> Judged:
    """What the verdict on the newest plan lets a push do, as our database has it."""
    if stored is not None and stored.verdict == "stopped":
        names = ", ".join(stored.tripped)
        how = "Look at it, and let it through by name: job let_through, or s2s let-through"
        return False, _ERROR, f"the plan is stopped by {names}; nothing was sent. {how}"
    if stored is not None and stored.verdict == "awaiting":
        how = "Look at it, and approve it by name: job approve_plan, or s2s approve"
        return False, _WARN, f"plan {stored.id} waits for approval; nothing was sent. {how}"
    return True, _ERROR, OK


def push_checks(key: dg.AssetKey) -> list[Check]:
    """Of a push: it was allowed, and every item arrived."""

    def allowed(seen: dict[str, Any]) -> Judged:
        pause, push = seen.get("pause"), seen.get("push")
        if pause is not None:
            return False, _WARN, f"{pause.message}; nothing is sent; {pause.remedy}"
        if push is not None and push.why:
            return False, _WARN, push.why
        if push is not None and push.status == "stale":
            return False, _WARN, "the plan is older than the catalogue: plan again; nothing was sent"
        return plan_allows(seen.get("stored"))

    def delivered(seen: dict[str, Any]) -> Judged:
        push = seen.get("push")
        if push is None or not (push.failed or push.fault or push.broken_promises):
            return True, _ERROR, OK
        words = [f"{push.failed} items failed; they are tried again from the then current state"] if push.failed else []
        words += [push.fault.message] if push.fault else []
        return False, _ERROR if push.fault else _WARN, "; ".join([*words, *push.broken_promises[:5]])

    return [
        Check(
            dg.AssetCheckSpec(
                "allowed", asset=key, description="No breaker stops the plan, it needs no approval, nothing is paused."
            ),
            allowed,
        ),
        Check(dg.AssetCheckSpec("delivered", asset=key, description="Every item sent was confirmed."), delivered),
    ]


def order_checks(key: dg.AssetKey) -> list[Check]:
    """Of a client's orders: they are asked for and raised."""

    def taken_up(result: "SweepResult") -> Judged:
        paused = [f"{pause.message}; {pause.remedy}" for pause in result.paused]
        return not paused, _WARN, "\n".join(paused) or OK

    return [Check(dg.AssetCheckSpec("taken_up", asset=key, description="No part of them is paused."), taken_up)]
