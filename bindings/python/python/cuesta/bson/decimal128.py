"""Decimal128: decimal numbers of 34 digits."""

import decimal

from cuesta._cuesta import Decimal128


def create_decimal128_context() -> decimal.Context:
    """A context of decimal in which all numbers fit into a Decimal128, or raise."""
    return decimal.Context(
        prec=34,
        rounding=decimal.ROUND_HALF_EVEN,
        Emin=-6143,
        Emax=6144,
        clamp=1,
        traps=[decimal.InvalidOperation, decimal.Overflow, decimal.Inexact],
    )


__all__ = ["Decimal128", "create_decimal128_context"]
