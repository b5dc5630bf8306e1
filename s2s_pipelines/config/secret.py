"""Secrets are named, never written: a declaration refers to the environment or to a file, and is read when used."""

import os
import re
from pathlib import Path
from typing import Any, Self

from pydantic import ConfigDict, model_validator

from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.declared import Declared

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class SecretRef(Declared):
    """Where a secret is kept: ``{env: NAME}`` or ``{file: /path}``; exactly one of them."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["env"]}, {"required": ["file"]}]})

    env: str | None = None
    """Name of an environment variable."""
    file: str | None = None
    """Path of a file whose content, outer white space off, is the secret."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_literals(cls, value: Any) -> Any:
        if isinstance(value, str | int | float | bytes):
            raise ValueError("a secret must not be written here; refer to it as {env: NAME} or {file: path}")
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("name either env or file")
        if self.env is not None and not _ENV_NAME.fullmatch(self.env):
            raise ValueError(
                "this is not the name of an environment variable; the secret itself must not be written here"
            )
        return self

    def reveal(self) -> str:
        """The secret itself, read now. Never log it, never put it into an error.

        Raises:
            ConfigurationError: it is not there, or empty.
        """
        if self.env is not None:
            text = os.environ.get(self.env, "")
            place = f"environment variable {self.env}"
        else:
            place = f"file {self.file}"
            try:
                text = Path(str(self.file)).read_text(encoding="utf-8").strip()
            except OSError:
                text = ""
        if not text:
            raise ConfigurationError(f"the secret in {place} is missing or empty", next_step=f"set {place}")
        return text

    def is_present(self) -> bool:
        """Whether ``reveal`` would succeed."""
        try:
            self.reveal()
        except ConfigurationError:
            return False
        return True


Address = str | SecretRef
"""An address written out, or named like a secret where it differs from machine to machine."""


def read_address(address: Address) -> str:
    """The address itself, read now.

    Raises:
        ConfigurationError: it is named, and not there.
    """
    return address.reveal() if isinstance(address, SecretRef) else address
