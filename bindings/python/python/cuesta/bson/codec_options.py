"""CodecOptions: what documents become when they are read."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple

from cuesta.bson.binary import UuidRepresentation


class CodecOptions(NamedTuple):
    """What documents become when they are read. pymongo's are taken too.

    An option that pymongo has and is not here is refused, unless it has its default.
    """

    document_class: type[Any] = dict
    """What documents are: dict, or a class that is made without arguments and takes items."""
    tz_aware: bool = False
    """Whether datetime is aware, in UTC, instead of naive, in UTC."""
    uuid_representation: int = UuidRepresentation.STANDARD
    """STANDARD for uuid.UUID, UNSPECIFIED for Binary."""
    tzinfo: datetime.tzinfo | None = None
    """The zone of datetime, if tz_aware."""

    def with_options(self, **kwargs: Any) -> CodecOptions:
        """The same but for these."""
        return self._replace(**kwargs)


DEFAULT_CODEC_OPTIONS = CodecOptions()

__all__ = ["DEFAULT_CODEC_OPTIONS", "CodecOptions"]
