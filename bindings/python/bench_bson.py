"""What reading and writing a document costs, next to pymongo's bson and json, in one run.

    python bench_bson.py packages.ndjson [documents]

The file has one document a line; those of 900 to 1,100 bytes of BSON are taken, 200 by default.
Every codec takes its turn in every round, and the least time of a round counts; times are for one
document. What is read is checked against what was written.
"""

import gc
import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cuesta import bson

ROUNDS = 40
REPEATS = 10


def codecs() -> dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]:
    found: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
        "cuesta": (bson.encode, bson.decode),
        "json": (json.dumps, json.loads),
    }
    try:
        import bson as other  # of pymongo
    except ImportError:
        print("pymongo is not installed")
    else:
        found["pymongo"] = (other.encode, other.decode)
    return found


def least(call: Callable[[Any], Any], arguments: list[Any]) -> float:
    start = time.perf_counter()
    for _ in range(REPEATS):
        for argument in arguments:
            call(argument)
    return (time.perf_counter() - start) / (REPEATS * len(arguments)) * 1e6


def main(path: str, count: int = 200) -> None:
    with Path(path).open(encoding="utf-8") as lines:
        every = (json.loads(line) for line in lines)
        fitting = (one for one in every if 900 <= len(bson.encode(one)) <= 1100)
        documents = list(itertools.islice(fitting, count))
    times: dict[tuple[str, str], float] = {}
    written = {}
    for name, (write, read) in codecs().items():
        written[name] = [write(document) for document in documents]
        assert [read(one) for one in written[name]] == documents, name
    gc.collect()
    for _ in range(ROUNDS):
        for name, (write, read) in codecs().items():
            for what, call, arguments in (
                ("write", write, documents),
                ("read", read, written[name]),
            ):
                took = least(call, arguments)
                times[name, what] = min(took, times.get((name, what), took))
    print(f"{len(documents)} documents; us for one")
    for name in written:
        ratios = [times[name, what] / times["cuesta", what] for what in ("read", "write")]
        print(
            f"{name:8} read {times[name, 'read']:6.2f}  write {times[name, 'write']:6.2f}"
            f"   cuesta reads {ratios[0]:.2f} and writes {ratios[1]:.2f} times as fast"
        )


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
