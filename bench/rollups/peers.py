"""The same questions of Polars and DuckDB on the same rows in memory, one thread each."""

import os
import sys

os.environ["POLARS_MAX_THREADS"] = "1"
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../peers"))
from figure import cpu, peer  # noqa: E402

import duckdb
import numpy
import polars
import pyarrow

SCAN = "bots per channel, day and country, by scan"
RECAPTURE = "recapture on the next day"

DAYS, FIRST, CHANNELS, PLACES = 28, 20485, 50, 60


def mixed(n):
    with numpy.errstate(over="ignore"):
        z = n * numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        return z ^ (z >> numpy.uint64(31))



def table(rows):
    u = numpy.uint64
    i = numpy.arange(rows, dtype=u)
    day = i * u(DAYS) // u(rows)
    bot = mixed(i ^ u(0x5EED)) % u(max(rows // 8, 1))
    about = mixed(bot ^ u(0xB07))
    channel = (about + (mixed(i) & u(1))) % u(CHANNELS)
    place = ((about >> u(32)) % u(PLACES)) * ((about >> u(48)) % u(PLACES)) // u(PLACES)
    high, low = mixed(bot ^ u(1)), mixed(bot ^ u(2))
    raw = numpy.empty((rows, 34), dtype=numpy.uint8)
    raw[:, 0], raw[:, 1] = ord("p"), ord(":")
    digits = numpy.frombuffer(b"0123456789abcdef", dtype=numpy.uint8)
    for k in range(16):
        shift = u(60 - 4 * k)
        raw[:, 2 + k] = digits[((high >> shift) & u(15)).astype(numpy.int64)]
        raw[:, 18 + k] = digits[((low >> shift) & u(15)).astype(numpy.int64)]
    ends = pyarrow.py_buffer(numpy.arange(0, 34 * rows + 1, 34, dtype=numpy.int32))
    bots = pyarrow.StringArray.from_buffers(rows, ends, pyarrow.py_buffer(raw.tobytes()))
    channels = pyarrow.array([f"c{n}.example" for n in range(CHANNELS + 1)])
    places = pyarrow.array([chr(65 + n // 8) + chr(65 + n % 8) for n in range(PLACES)])
    return pyarrow.table(
        {
            "day": pyarrow.array((day.astype(numpy.int64) + FIRST)),
            "bot": bots,
            "channel": channels.take(pyarrow.array(channel.astype(numpy.int64))),
            "place": places.take(pyarrow.array(place.astype(numpy.int64))),
        }
    )


def told(what, who, rows, before):
    seconds = cpu() - before
    print(f"{who}, {what}: {seconds:.3f} CPU-s, {rows / seconds / 1e6:.2f} M rows per CPU-s")
    peer(what, who, rows / seconds, "rows/CPU-s")


def main():
    rows = int(sys.argv[1] if len(sys.argv) > 1 else 10) * 1_000_000
    arrow = table(rows)

    frame = polars.from_arrow(arrow)
    before = cpu()
    out = frame.group_by("day", "channel", "place").agg(polars.col("bot").n_unique().alias("bots"))
    told(SCAN, f"Polars {polars.__version__}", rows, before)
    bots = out.sort("day", "channel", "place")["bots"].to_list()
    print(len(bots), "groups, checksum", sum(b * (i % 1000) for i, b in enumerate(bots, 1)))
    before = cpu()
    seen = frame.select("day", "bot").unique()
    again = seen.join(seen.with_columns(polars.col("day") - 1), on=["day", "bot"]).height
    told(RECAPTURE, f"Polars {polars.__version__}", rows, before)
    print(seen.height, "(bot, day),", again, "seen again")
    del frame, seen

    duck = duckdb.connect()
    duck.execute("SET threads = 1")
    duck.execute("CREATE TABLE sightings AS SELECT * FROM arrow")
    before = cpu()
    got = duck.execute(
        "SELECT day, channel, place, count(DISTINCT bot) FROM sightings GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    told(SCAN, f"DuckDB {duckdb.__version__}", rows, before)
    print(len(got), "groups, checksum", sum(r[3] * (i % 1000) for i, r in enumerate(got, 1)))
    before = cpu()
    got = duck.execute(
        "WITH seen AS (SELECT DISTINCT day, bot FROM sightings) "
        "SELECT count(*) FROM seen a JOIN seen b ON a.bot = b.bot AND b.day = a.day + 1"
    ).fetchall()
    told(RECAPTURE, f"DuckDB {duckdb.__version__}", rows, before)
    print(got[0][0], "seen again")


main()
