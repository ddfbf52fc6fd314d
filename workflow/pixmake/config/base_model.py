"""What every part of a config is: its keys alone, never changed, described where they stand."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A part of a config; a key that it does not have is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
