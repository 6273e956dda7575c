"""Keyspaces, batches, scans and snapshots from Python: a register of people.

    python examples/kv.py [directory]
"""

import sys
import tempfile

import cuesta


def register(db: cuesta.Database, login: bytes, name: str, born: int) -> None:
    """Writes a person and the index entry that finds them by year: both, or neither."""
    people, years = db.keyspace("people"), db.keyspace("years")
    with db.batch() as batch:
        batch.put(people, login, name.encode())
        batch.put(years, b"%04d/%s" % (born, login), b"")


def born_between(db: cuesta.Database, first: int, last: int) -> list[str]:
    """Names by year of birth, as of one moment."""
    people, years = db.keyspace("people"), db.keyspace("years")
    with db.snapshot() as now:
        found = now.scan(years, b"%04d" % first, b"%04d" % (last + 1))
        logins = [key.partition(b"/")[2] for key, _ in found]
        return [now.get(people, login, b"?").decode() for login in logins]


def main(path: str) -> None:
    with cuesta.open(path) as db:
        register(db, b"ada", "Ada Lovelace", 1815)
        register(db, b"alan", "Alan Turing", 1912)
        register(db, b"grace", "Grace Hopper", 1906)

        people = db.keyspace("people")
        people[b"kurt"] = "Kurt G\u00f6del".encode()
        for login, name in people.scan(prefix=b"a"):
            print(f"{login.decode():6} {name.decode()}")
        print("born 1900 to 1950:", ", ".join(born_between(db, 1900, 1950)))

        try:
            people[b"nobody"]
        except KeyError as error:
            print("not found:", error)

    with cuesta.open(path, read_only=True) as db:
        print("last:", next(db.keyspace("people").keys(reverse=True)).decode())
        print("sound:", db.verify().is_sound)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as directory:
            main(directory)
