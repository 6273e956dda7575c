"""DBRef: a reference to a document of a collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cuesta.bson.son import SON


class DBRef:
    """A reference to a document by its _id: a document with $ref, $id and perhaps $db.

    What else the document has are attributes.
    """

    __slots__ = ("__kwargs", "__place")
    _type_marker = 100

    def __init__(
        self,
        collection: str,
        id: Any,
        database: str | None = None,
        _extra: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(collection, str):
            raise TypeError(f"collection must be a str, not {type(collection).__name__}")
        if database is not None and not isinstance(database, str):
            raise TypeError(f"database must be a str, not {type(database).__name__}")
        self.__place = (collection, id, database)
        self.__kwargs = {**kwargs, **(_extra or {})}

    @classmethod
    def _of_document(cls, document: Any) -> Any:
        """The reference that a document is, or the document if it is none."""
        is_reference = (
            isinstance(document.get("$ref"), str)
            and "$id" in document
            and isinstance(document.get("$db"), (str, type(None)))
        )
        if not is_reference:
            return document
        collection, id = document.pop("$ref"), document.pop("$id")
        return cls(collection, id, document.pop("$db", None), document)

    @property
    def collection(self) -> str:
        """The name of the collection."""
        return self.__place[0]

    @property
    def id(self) -> Any:
        """The document's _id."""
        return self.__place[1]

    @property
    def database(self) -> str | None:
        """The name of the database, if it says one."""
        return self.__place[2]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self.__kwargs[name]
        except KeyError:
            raise AttributeError(name) from None

    def as_doc(self) -> SON[str, Any]:
        """The document that it is stored as."""
        document = SON([("$ref", self.collection), ("$id", self.id)])
        if self.database is not None:
            document["$db"] = self.database
        document.update(self.__kwargs)
        return document

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DBRef):
            return NotImplemented
        return (self.__place, self.__kwargs) == (other.__place, other.__kwargs)

    def __hash__(self) -> int:
        return hash((self.__place, tuple(sorted(self.__kwargs.items()))))

    def __reduce__(self) -> tuple[type[DBRef], tuple[Any, ...]]:
        return type(self), (*self.__place, self.__kwargs)

    def __repr__(self) -> str:
        more = "".join(f", {name}={value!r}" for name, value in self.__kwargs.items())
        database = "" if self.database is None else f", {self.database!r}"
        return f"DBRef({self.collection!r}, {self.id!r}{database}{more})"


__all__ = ["DBRef"]
