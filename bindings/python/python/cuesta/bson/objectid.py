"""ObjectId: twelve bytes that identify a document."""

from cuesta._cuesta import ObjectId

__all__ = ["ObjectId"]
