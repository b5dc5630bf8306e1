"""Plans: Parquet files with every change and item, and a row with the verdict that every push obeys."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from s2s_pipelines.catalogue.breaker import BreakerVerdict
from s2s_pipelines.catalogue.diff import Plan
from s2s_pipelines.cycle.approval import verdict_of
from s2s_pipelines.cycle.port import Approval, LetThrough, StoredPlan, sends_nothing
from s2s_pipelines.errors import BusyError, ContractViolation, DataError
from s2s_pipelines.model.identifier import is_key
from s2s_pipelines.storage.parquet_file import read_table, write_tables
from s2s_pipelines.storage.schema import plan as plan_table
from s2s_pipelines.storage.transaction import reading, writing

TABLES = ("changes", "items", "left_out")
"""Files of a plan's folder."""


class Plans:
    """The plan store on a folder and our database."""

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder

    def keep(
        self,
        client: str,
        channel: str,
        plan: Plan,
        *,
        catalogue_fingerprint: str,
        breakers: Mapping[str, BreakerVerdict],
        at: datetime,
        needs_approval: bool = False,
        recipe: str | None = None,
    ) -> StoredPlan:
        """Keep a plan. The newest one is returned instead where it says the same and was not pushed, or sends nothing.

        Where it ``needs_approval`` it awaits it, unless a plan of the same digest has it.
        """
        needs_approval = needs_approval and not sends_nothing(plan.counts)
        written = {name: verdict.written() for name, verdict in breakers.items()}
        newest = self.newest(client, channel)
        if newest is not None and self._says_the_same(newest, plan, written):
            verdict = verdict_of(
                newest.tripped, newest.let_through, needs_approval=needs_approval, approval=newest.approval
            )
            told = {"catalogue_fingerprint": catalogue_fingerprint, "confirmed_at": at, "recipe": recipe}
            confirmed = self._update(newest, told)
            if verdict in (newest.verdict, confirmed.verdict):
                return confirmed
            return self._update(confirmed, {"verdict": verdict}, plan_table.c.verdict == newest.verdict)
        approval = self._approval_of(client, channel, plan.digest) if needs_approval else None
        tripped = tuple(name for name, found in breakers.items() if found.is_tripped)
        path = self._write(client, channel, plan)
        row = {
            "client": client,
            "channel": channel,
            "path": path,
            "digest": plan.digest,
            "catalogue_fingerprint": catalogue_fingerprint,
            "counts": dict(plan.counts),
            "verdict": verdict_of(tripped, None, needs_approval=needs_approval, approval=approval),
            "breakers": written,
            "created_at": at,
            "confirmed_at": at,
            "recipe": recipe,
        }
        if approval is not None:
            row["approval"] = _approval_json(approval)
        with writing(self._engine, "keep a plan") as connection:
            made = connection.execute(sa.insert(plan_table).values(row).returning(plan_table)).one()
        return _stored(made)

    def newest(self, client: str, channel: str) -> StoredPlan | None:
        """The newest plan of a channel."""
        query = sa.select(plan_table).where(plan_table.c.client == client, plan_table.c.channel == channel)
        with reading(self._engine, "look up a plan") as connection:
            row = connection.execute(query.order_by(plan_table.c.id.desc()).limit(1)).first()
        return None if row is None else _stored(row)

    def find(self, client: str, plan_id: int) -> StoredPlan | None:
        """A plan by its number."""
        query = sa.select(plan_table).where(plan_table.c.client == client, plan_table.c.id == plan_id)
        with reading(self._engine, "look up a plan") as connection:
            row = connection.execute(query).first()
        return None if row is None else _stored(row)

    def history(self, client: str, channel: str, limit: int) -> list[StoredPlan]:
        """The newest plans of a channel, newest first."""
        query = sa.select(plan_table).where(plan_table.c.client == client, plan_table.c.channel == channel)
        with reading(self._engine, "look up plans") as connection:
            rows = connection.execute(query.order_by(plan_table.c.id.desc()).limit(limit)).all()
        return [_stored(row) for row in rows]

    def read(self, stored: StoredPlan) -> Plan:
        """The plan itself, exactly as it was kept.

        Raises:
            DataError: its files are gone or damaged, or are not what was kept.
        """
        folder = self._folder / stored.path
        tables = {name: read_table(folder / f"{name}.parquet") for name in TABLES}
        said = json.loads((tables["items"].schema.metadata or {}).get(b"plan", b"{}"))
        if said.get("digest") != stored.digest:
            raise DataError(
                "the plan's files are not those that were kept",
                client=stored.client,
                operation="read a plan",
                reference=str(stored.id),
                next_step="make a new plan",
            )
        return Plan(**tables, delist=said["delist"], digest=stored.digest, counts=stored.counts)

    def let_through(self, stored: StoredPlan, word: LetThrough, *, needs_approval: bool = False) -> StoredPlan:
        """Let a stopped plan through, once.

        Raises:
            BusyError: the plan is no longer stopped; somebody else decided meanwhile.
        """
        said = {"breakers": list(word.breakers), "by": word.by, "reason": word.reason, "at": word.at.isoformat()}
        verdict = verdict_of(stored.tripped, word, needs_approval=needs_approval, approval=stored.approval)
        values = {"verdict": verdict, "let_through": said | {"digest": stored.digest}}
        return self._update(stored, values, plan_table.c.verdict == "stopped")

    def approve(self, stored: StoredPlan, word: Approval) -> StoredPlan:
        """Approve a plan that was not pushed.

        Raises:
            BusyError: the plan is not what was looked at any more; somebody else decided meanwhile.
        """
        verdict = verdict_of(stored.tripped, stored.let_through, needs_approval=True, approval=word)
        values = {"verdict": verdict, "approval": _approval_json(word)}
        unchanged = sa.and_(
            plan_table.c.verdict == stored.verdict,
            plan_table.c.digest == word.digest,
            plan_table.c.pushed_at.is_(None),
        )
        return self._update(stored, values, unchanged)

    def approved(self, client: str, channel: str) -> StoredPlan | None:
        """The newest plan of a channel that a person approved."""
        table = plan_table
        query = sa.select(table).where(table.c.client == client, table.c.channel == channel, _is_said(table.c.approval))
        with reading(self._engine, "look up an approved plan") as connection:
            row = connection.execute(query.order_by(table.c.id.desc()).limit(1)).first()
        return None if row is None else _stored(row)

    def decisions(self, client: str, channel: str, limit: int = 50) -> list[StoredPlan]:
        """The plans of a channel about which a person decided, the newest first."""
        table = plan_table
        decided = sa.or_(_is_said(table.c.approval), _is_said(table.c.let_through))
        query = sa.select(table).where(table.c.client == client, table.c.channel == channel, decided)
        with reading(self._engine, "look up decisions") as connection:
            rows = connection.execute(query.order_by(table.c.id.desc()).limit(limit)).all()
        return [_stored(row) for row in rows]

    def confirm(self, stored: StoredPlan, at: datetime) -> StoredPlan:
        """Note that a plan still is what its channel needs."""
        return self._update(stored, {"confirmed_at": at})

    def pushed(self, stored: StoredPlan, outcome: Mapping[str, Any], at: datetime | None) -> StoredPlan:
        """Remember what came of pushing; ``at`` None while some of it is still to be sent."""
        return self._update(stored, {"outcome": dict(outcome), "pushed_at": at})

    def _approval_of(self, client: str, channel: str, digest: str) -> Approval | None:
        """A person's word on a plan of the same digest: it says the same, whatever was planned in between."""
        approved = self.approved(client, channel)
        if approved is None or approved.approval is None or approved.approval.digest != digest:
            return None
        return approved.approval

    def _says_the_same(self, newest: StoredPlan, plan: Plan, breakers: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether the newest plan can stand for this one, so that a channel at rest or stopped does not pile up plans."""
        if newest.digest != plan.digest or newest.breakers != breakers or newest.counts != plan.counts:
            return False
        if newest.pushed_at is not None and plan.items.num_rows > 0:
            return False
        try:
            kept = self.read(newest)
        except DataError:
            return False
        return bool(kept.items.equals(plan.items) and kept.left_out.equals(plan.left_out))

    def _update(
        self, stored: StoredPlan, values: Mapping[str, Any], only_if: sa.ColumnElement[bool] | None = None
    ) -> StoredPlan:
        where = [plan_table.c.id == stored.id, *([] if only_if is None else [only_if])]
        with writing(self._engine, "note on a plan") as connection:
            row = connection.execute(sa.update(plan_table).where(*where).values(**values).returning(plan_table)).first()
        if row is None:
            raise BusyError(
                "the plan changed meanwhile",
                client=stored.client,
                operation="note on a plan",
                reference=str(stored.id),
                next_step="look at the plan again",
            )
        return _stored(row)

    def _write(self, client: str, channel: str, plan: Plan) -> str:
        if not (is_key(client) and is_key(channel)):
            raise ContractViolation(
                "these cannot name a plan", client=client, connection=channel, operation="keep a plan"
            )
        path = f"{client}/plan/{channel}/{uuid4().hex}"
        note = json.dumps({"digest": plan.digest, "delist": plan.delist}).encode()
        items = plan.items.replace_schema_metadata({b"plan": note})
        write_tables(self._folder / path, {"changes": plan.changes, "items": items, "left_out": plan.left_out})
        return path


def _is_said(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Whether a column of JSON says anything: neither SQL's NULL nor JSON's null."""
    return sa.and_(column.is_not(sa.null()), sa.cast(column, sa.Text) != "null")


def _approval_json(word: Approval) -> dict[str, str]:
    return {"by": word.by, "reason": word.reason, "at": word.at.isoformat(), "digest": word.digest}


def _stored(row: sa.Row[Any]) -> StoredPlan:
    values = dict(row._mapping)
    said = values["let_through"]
    word = said and LetThrough(tuple(said["breakers"]), said["by"], said["reason"], datetime.fromisoformat(said["at"]))
    given = values["approval"]
    approval = given and Approval(given["by"], given["reason"], datetime.fromisoformat(given["at"]), given["digest"])
    return StoredPlan(**{**values, "let_through": word or None, "approval": approval or None})
