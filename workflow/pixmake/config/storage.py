"""The part `storage` of config.yaml: how remote images are reached, and where copies of them stay."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator

from pixmake.config.base_model import Model

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", re.IGNORECASE)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def _bytes(given: Any) -> Any:
    """A size such as ``20 GB`` in bytes."""
    if isinstance(given, str) and (found := _SIZE.fullmatch(given.strip())):
        return int(float(found[1]) * 1000 ** _POWERS[found[2].upper()])
    if type(given) is int and given > 0:
        return given
    raise ValueError(f"{given!r} is no size such as `20GB`")


class Storage(Model):
    """How images at `s3://`, `gs://`, `https://` and `http://` are reached.

    Credentials do not belong here: they come from the environment or from a profile.
    """

    endpoint_url: str | None = None
    """The address of an S3 server that is not Amazon's, e.g. `https://minio.example.org`."""

    anon: bool = False
    """Read without credentials, from buckets that are open to all."""

    profile: str | None = None
    """The profile of `~/.aws` whose credentials are used; default: those of the environment."""

    region: str | None = None
    """The region of the buckets, where the server wants to know."""

    retries: Annotated[int, Field(ge=0)] = 5
    """How often a request that did not come through is sent again, after longer and longer pauses."""

    cache: str = "~/.cache/pixmake"
    """The folder of the local copies; it may name variables, e.g. `$TMPDIR/pixmake` on a cluster."""

    cache_size: Annotated[int, BeforeValidator(_bytes, json_schema_input_type=int | str)] = 20_000_000_000
    """How large that folder may become, e.g. `100GB`; what was not used for longest goes first."""

    @field_validator("endpoint_url")
    @classmethod
    def _address(cls, given: str | None) -> str | None:
        if given is None:
            return None
        address = urlsplit(given)
        if "@" in given or address.query:
            raise ValueError("holds credentials; they come from the environment or from a profile")
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError("is no address such as https://minio.example.org")
        return given

    def given(self) -> dict[str, Any]:
        """What differs from the defaults, as `pixmake.images.remote.objects.configure` takes it."""
        return self.model_dump(exclude_defaults=True)
