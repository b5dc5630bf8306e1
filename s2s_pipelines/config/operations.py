"""``operations.yaml`` beside ``assets/``: what concerns all clients of one installation. The file may be left out.

Who is told when something goes wrong, and how long things are kept. Retention never touches what proves an order or says
what a channel has (``docs/operations.md``).
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from s2s_pipelines.catalogue.policy import Key
from s2s_pipelines.config.declaration import ClockTime
from s2s_pipelines.config.explanation import explain_invalid
from s2s_pipelines.config.problem import Problem
from s2s_pipelines.config.secrecy import find_written_secrets
from s2s_pipelines.config.secret import Address, SecretRef
from s2s_pipelines.config.value_check import judge_timezone
from s2s_pipelines.config.yaml_file import YamlFault, read_yaml
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.declared import Declared

FILE = "operations.yaml"
_ADDRESS = re.compile(r"(?:[^<>@\r\n]* <)?[^\s<>@,;]+@[^\s<>@,;]+>?")


class Retention(Declared):
    """How long things are kept that nothing depends on any more."""

    runs: timedelta = timedelta(days=30)
    """Dagster runs that ended, with their events and logs."""
    ticks: timedelta = timedelta(days=7)
    """Ticks of sensors and schedules."""
    snapshots: timedelta = timedelta(days=30)
    """Snapshots of sources and catalogues that no longer stand."""
    plans: timedelta = timedelta(days=90)
    """Plans that were pushed or replaced; decisions of people about them are kept for good."""
    bodies: timedelta = timedelta(days=400)
    """Raw order bodies of orders that are complete, cancelled or closed; the orders themselves are kept for good."""


class EmailReceiver(Declared):
    """People told by e-mail."""

    kind: Literal["email"]
    """This kind of receiver."""
    host: Address
    """The SMTP server."""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    """Its port; 465 is usual for ``tls``."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """``none`` only for a server on this machine."""
    user: SecretRef | None = None
    """The login, where the server wants one."""
    password: SecretRef | None = None
    """Belongs to ``user``."""
    sender: str
    """The address that mails come from."""
    to: Annotated[tuple[str, ...], Field(min_length=1)]
    """The addresses they go to."""

    @field_validator("sender", "to")
    @classmethod
    def _are_addresses(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for text in (value,) if isinstance(value, str) else value:
            if not _ADDRESS.fullmatch(text):
                raise ValueError("this is not an e-mail address; write name@example.com")
        return value

    @model_validator(mode="after")
    def _logs_in_whole(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together; name both or neither")
        return self


class WebhookReceiver(Declared):
    """A program told by an HTTP POST of JSON."""

    kind: Literal["webhook"]
    """This kind of receiver."""
    url: Address
    """Where to post."""
    secret: SecretRef | None = None
    """Signs each body: ``X-S2S-Signature: sha256=<hex HMAC>``."""


Receiver = Annotated[EmailReceiver | WebhookReceiver, Field(discriminator="kind")]


class Alerts(Declared):
    """Who is told, and when the rest comes as a digest."""

    receivers: dict[Key, Receiver] = {}
    """By a name of your own."""
    digest_at: ClockTime | None = None
    """When, in ``timezone``, a digest of everything that is still wrong is sent; None: never."""
    timezone: str = "UTC"
    """IANA name."""
    most_at_once: Annotated[int, Field(ge=1, le=1000)] = 20
    """New causes told one by one in a quarter of an hour; what is more comes as one summary."""


class Operations(Declared):
    """``operations.yaml``, beside ``assets/``; all of it may be left out."""

    ui_url: str = "http://127.0.0.1:3000"
    """Where people reach the Dagster UI; links in alerts, tables and ``s2s status`` begin with it."""
    retention: Retention = Retention()
    """How long things are kept."""
    alerts: Alerts = Alerts()
    """Who is told of what is wrong."""


def load_operations(root: Path) -> Operations:
    """The installation's own settings; the defaults where there is no file.

    Raises:
        ConfigurationError: the file is not as it should be; the message names line, near miss and fix.
    """
    file = root / FILE
    if not file.is_file():
        return Operations()
    problems: list[Problem] = []
    try:
        tree = read_yaml(file.read_text(encoding="utf-8"))
        if tree.value is None:
            return Operations()
        problems += find_written_secrets(tree, FILE, is_by_key=True)
        found = Operations.model_validate(tree.value)
        fault = judge_timezone(found.alerts.timezone)
        if fault:
            path = ("alerts", "timezone")
            problems.append(Problem(FILE, tree.line_of(path), "alerts.timezone", *fault))
    except YamlFault as fault:
        problems.append(Problem(FILE, fault.line, "", fault.message, None, fault.fix))
    except ValidationError as error:
        told = {problem.path for problem in problems}
        problems += [p for p in explain_invalid(error, Operations, tree, FILE) if p.path not in told]
    if problems:
        text = "\n".join(problem.text() for problem in problems)
        raise ConfigurationError(text, operation="read operations.yaml")
    return found
