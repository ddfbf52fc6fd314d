"""What every part of a config is: its keys alone, never changed, described where they stand.

The descriptions are read for the schema alone (`pixmake.config.schema`): finding them costs as much as the keys.
"""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A part of a config; a key that it does not have is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)
