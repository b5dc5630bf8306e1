"""Assets of a client, built from its declarations: three ops, however many assets.

``refresh`` reads the selected feeds and merges the catalogue; one ``publish`` per channel plans and pushes; the order sweep is in
``order_job``. Few ops, because a thousand clients with an op per asset take minutes to load (dagster notes, section 1).
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import dagster as dg

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.errors import PausedError
from s2s_pipelines.orchestration.configuration import PublishConfig, RefreshConfig
from s2s_pipelines.orchestration.keys import (
    BREAKERS,
    catalogue_key,
    declaration_key,
    linked_key,
    plan_key,
    publish_op,
    push_key,
    refresh_op,
    source_key,
)
from s2s_pipelines.orchestration.page import catalogue_page, plan_page, push_page, source_page
from s2s_pipelines.orchestration.pattern import client_of, pattern
from s2s_pipelines.orchestration.standing import with_what_stands
from s2s_pipelines.orchestration.verdict import Check, catalogue_checks, plan_checks, push_checks, source_checks

if TYPE_CHECKING:
    from s2s_pipelines.config.fleet import BrokenClient, Client

Events = Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]


def client_assets(client: "Client") -> list[dg.AssetsDefinition]:
    """The refresh and publish ops of one client."""
    return [_refresh(client), *(_publish(client, channel) for channel in client.declaration.channels)]


def broken_asset(client: "BrokenClient") -> tuple[dg.AssetSpec, dg.AssetChecksDefinition]:
    """A client whose declarations do not load: nothing to materialise, a check that says why."""
    spec = dg.AssetSpec(
        declaration_key(client.name), group_name=client.name, description=f"```\n{client.text()}\n```", kinds={"yaml"}
    )

    @dg.asset_check(
        asset=spec.key,
        name="loads",
        description="Whether the client's declarations load; runs nothing but `s2s check`.",
    )
    def loads(workshop: dg.ResourceParam[Workshop]) -> dg.AssetCheckResult:
        """Check the declarations as they are now."""
        problem = workshop.problem_of(client.name)
        text = "They load now: reload the code location." if problem is None else problem
        return dg.AssetCheckResult(passed=problem is None, description=text)

    return spec, loads


def _common(client: "Client") -> dict[str, Any]:
    return {
        "group_name": client.name,
        "owners": [f"team:{owner}" for owner in client.declaration.owners],
        "tags": {"client": client.name},
        # An asset whose source failed is left as it was; the op still succeeds for the others.
        "skippable": True,
    }


Feeds = dict[dg.AssetKey, tuple[str, tuple[Any, ...]]]
"""What each source asset stands for: the source and those of its feeds it covers."""


def source_feeds(client: "Client") -> Feeds:
    """One asset per feed of a primary source, one per linked source."""
    feeds: Feeds = {}
    for source, declared in client.declaration.sources.items():
        if declared.role == "linked":
            feeds[linked_key(client.name, source)] = (source, tuple(declared.feeds))
        else:
            feeds |= {source_key(client.name, source, feed): (source, (feed,)) for feed in declared.feeds}
    return feeds


def _source_assets(client: "Client") -> tuple[Feeds, list[dg.AssetSpec]]:
    feeds = source_feeds(client)
    specs = []
    for key, (source, read) in feeds.items():
        declared = client.declaration.sources[source]
        kind = client.kinds[declared.connection].manifest.kind
        about = f"{declared.label or source}: {', '.join(read)}. Rejected rows are kept with reason and remedy."
        specs.append(dg.AssetSpec(key, description=about, kinds={kind}, **_common(client)))
    return feeds, specs


def _refresh(client: "Client") -> dg.AssetsDefinition:
    name = client.name
    feeds, specs = _source_assets(client)
    merged = catalogue_key(name)
    about = "All sources merged: primary sources create, linked ones enrich; every value keeps its origin."
    specs.append(dg.AssetSpec(merged, deps=list(feeds), description=about, kinds={"parquet"}, **_common(client)))
    checks = [check.spec for check in _refresh_checks(feeds, merged)]

    def make() -> dg.AssetsDefinition:
        return dg.multi_asset(name=refresh_op(name), specs=specs, check_specs=checks, can_subset=True)(_refresh_work)

    shape = ("refresh", *((*spec.key.path[1:], spec.description) for spec in specs))
    return pattern(shape, make).of(name, refresh_op(name), specs, checks)


def _refresh_checks(feeds: Feeds, merged: dg.AssetKey) -> list[Check]:
    return [check for key in feeds for check in source_checks(key)] + catalogue_checks(merged)


def _refresh_work(
    context: dg.AssetExecutionContext, config: RefreshConfig, workshop: dg.ResourceParam[Workshop]
) -> Events:
    """Read what is selected, merge, and show what came of it."""
    name = client_of(context)
    feeds, merged = source_feeds(workshop.client(name)), catalogue_key(name)
    selected = [key for key in feeds if key in context.selected_asset_keys]
    asked: dict[str, list[Any]] = {}
    for key in selected:
        asked.setdefault(feeds[key][0], []).extend(feeds[key][1])
    result = workshop.refresh(name, asked=asked, is_full=config.full, accept=config.accept)
    for key in selected:
        source, read = feeds[key]
        seen = [feed for feed in result.sources[source].feeds if feed.feed in read]
        if any(feed.outcome in ("kept", "unchanged") for feed in seen):
            yield dg.MaterializeResult(key, metadata=source_page(workshop, name, source, seen))
    if merged in context.selected_asset_keys and result.catalogue.fault is None:
        yield dg.MaterializeResult(merged, metadata=catalogue_page(result, workshop))
    yield from _judged(context, _refresh_checks(feeds, merged), with_what_stands(workshop, result))


def _judged(context: dg.AssetExecutionContext, checks: list[Check], seen: Any) -> Iterator[dg.AssetCheckResult]:
    for check in checks:
        if check.spec.key in context.selected_asset_check_keys:
            yield check.judge(seen)


def _publish(client: "Client", channel: str) -> dg.AssetsDefinition:
    name = client.name
    kind = client.kinds[client.declaration.channels[channel].connection].manifest.kind
    planned, pushed = plan_key(name, channel), push_key(name, channel)
    specs = [
        dg.AssetSpec(
            planned,
            deps=[catalogue_key(name)],
            description="What the channel would be sent, and nothing else; nothing is written.",
            kinds={kind},
            **_common(client),
        ),
        dg.AssetSpec(
            pushed,
            deps=[planned],
            description="What the channel was sent and what came of each item. Obeys the verdict on its plan.",
            kinds={kind},
            **_common(client),
        ),
    ]
    checks = [check.spec for check in _publish_checks(planned, pushed)]

    def make() -> dg.AssetsDefinition:
        work = _publish_work(channel)
        return dg.multi_asset(name=publish_op(name, channel), specs=specs, check_specs=checks, can_subset=True)(work)

    return pattern(("publish", channel), make).of(name, publish_op(name, channel), specs, checks)


def _publish_checks(planned: dg.AssetKey, pushed: dg.AssetKey) -> list[Check]:
    return [*plan_checks(planned, BREAKERS), *push_checks(pushed)]


def _publish_work(channel: str) -> Callable[..., Events]:
    def publish(
        context: dg.AssetExecutionContext, config: PublishConfig, workshop: dg.ResourceParam[Workshop]
    ) -> Events:
        """Plan, judge, push, and show what came of it."""
        name = client_of(context)
        planned, pushed = plan_key(name, channel), push_key(name, channel)
        seen: dict[str, Any] = {}
        # What is paused is left alone; the checks say who paused it, and until when.
        with suppress(PausedError):
            if planned in context.selected_asset_keys:
                seen["plan"] = workshop.plan(name, channel, skus=config.skus)
                yield dg.MaterializeResult(planned, metadata=plan_page(seen["plan"], workshop))
            if pushed in context.selected_asset_keys:
                seen["push"] = workshop.push(
                    name, channel, names=config.let_through, by=config.by, reason=config.reason
                )
                if not seen["push"].is_refused:
                    page = push_page(seen["push"], workshop, name, channel)
                    yield dg.MaterializeResult(pushed, metadata=page)
        seen["pause"] = workshop.pause_of(name, "push", channel=channel)
        seen["stored"] = workshop.newest_plan(name, channel)
        yield from _judged(context, _publish_checks(planned, pushed), seen)

    return publish
