"""The base of everything an operator declares: frozen, and unknown keys are refused."""

from pydantic import BaseModel, ConfigDict


class Declared(BaseModel):
    """A frozen model that refuses unknown keys and documents every field."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
