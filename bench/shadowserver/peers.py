"""The same report by other readers, one thread: FILE."""

import csv
import datetime
import importlib.util
import ipaddress
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../peers"))
from figure import cpu, missing, peer  # noqa: E402

WHAT = "Shadowserver, sinkhole report"


def plain(path):
    """What ours takes of an event, by the standard library."""
    before, events, check = cpu(), 0, 0
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            at = datetime.datetime.strptime(row["timestamp"], "%Y-%m-%d %H:%M:%S")
            address = ipaddress.ip_address(row["src_ip"])
            check += at.second + int(address) + int(row["src_port"]) + int(row["src_asn"]) + len(row["infection"])
            events += 1
    peer(WHAT, "Python's csv", events / (cpu() - before), "events/CPU-s")


def duck(path):
    try:
        import duckdb

        con = duckdb.connect()
        con.execute("SET threads = 1")
        before = cpu()
        con.execute(
            "CREATE TABLE r AS SELECT CAST(timestamp AS TIMESTAMP) t, src_ip, CAST(src_port AS USMALLINT) p, "
            "CAST(src_asn AS UINTEGER) n, src_geo, infection, dst_ip, dst_port "
            "FROM read_csv(?, header = true, all_varchar = true)",
            [path],
        )
        spent = cpu() - before
        events = con.execute("SELECT count(*) FROM r").fetchone()[0]
        peer(WHAT, f"DuckDB {duckdb.__version__}", events / spent, "events/CPU-s")
    except Exception as why:
        missing(WHAT, "DuckDB", why)


plain(sys.argv[1])
duck(sys.argv[1])
if importlib.util.find_spec("intelmq") is None:
    missing(WHAT, "IntelMQ", "it is not installed here (`pip install intelmq`)")
else:
    missing(WHAT, "IntelMQ", "its schema of this report is fetched from its maker's host, and is in no package")
