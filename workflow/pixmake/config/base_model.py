"""What every part of a config is: its keys alone, never changed, described where they stand.

The descriptions are read for the schema alone (`pixmake.config.schema`): to find them takes a while.
"""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A part of a config; a key that it does not have is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)
