"""The same log or capture by other readers, one thread where they can be told so: FILE."""

import os
import shutil
import subprocess
import sys
import tempfile

os.environ["POLARS_MAX_THREADS"] = "1"
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../peers"))
from figure import children, cpu, missing, peer  # noqa: E402

TYPES = {
    "ts": "DOUBLE",
    "id.orig_p": "USMALLINT",
    "id.resp_p": "USMALLINT",
    "duration": "DOUBLE",
    "orig_bytes": "BIGINT",
    "resp_bytes": "BIGINT",
    "missed_bytes": "BIGINT",
    "orig_pkts": "BIGINT",
    "orig_ip_bytes": "BIGINT",
    "resp_pkts": "BIGINT",
    "resp_ip_bytes": "BIGINT",
}


def logs(path):
    what = "Zeek conn.log to columns"
    with open(path, encoding="utf-8") as file:
        head = [next(file) for _ in range(6)]
        lines = sum(1 for _ in file)
    names = next(line for line in head if line.startswith("#fields")).rstrip("\n").split("\t")[1:]
    columns = {name: TYPES.get(name, "VARCHAR") for name in names}
    skipped = len([line for line in head if line.startswith("#")])
    try:
        import duckdb

        duck = duckdb.connect()
        duck.execute("SET threads = 1")
        before = cpu()
        duck.execute(
            "CREATE TABLE conn AS SELECT * FROM read_csv(?, delim = '\t', header = false, skip = ?, quote = '', "
            f"escape = '', nullstr = '-', auto_detect = false, columns = {columns!r})",
            [path, skipped],
        )
        spent = cpu() - before
        assert duck.execute("SELECT count(*) FROM conn").fetchone()[0] == lines
        peer(what, f"DuckDB {duckdb.__version__}", lines / spent, "lines/CPU-s")
    except Exception as why:
        missing(what, "DuckDB", why)
    try:
        import polars

        kinds = {"DOUBLE": polars.Float64, "USMALLINT": polars.UInt16, "BIGINT": polars.Int64}
        schema = {name: kinds.get(kind, polars.String) for name, kind in columns.items()}
        before = cpu()
        frame = polars.read_csv(
            path, separator="\t", has_header=False, skip_rows=skipped, quote_char=None, null_values="-", schema=schema
        )
        spent = cpu() - before
        assert frame.height == lines
        peer(what, f"Polars {polars.__version__}", lines / spent, "lines/CPU-s")
    except Exception as why:
        missing(what, "Polars", why)


def captures(path):
    what = os.path.basename(path).removesuffix(".pcap")
    size = os.path.getsize(path)
    with tempfile.TemporaryDirectory() as folder:
        rows = {
            # One line a packet with what our rows take.
            "tshark": ["-n", "-r", path, "-T", "fields"]
            + [w for f in ("frame.time_epoch", "ip.src", "ip.dst", "tcp.srcport", "dns.qry.name", "http.host",
                           "tls.handshake.extensions_server_name", "tls.handshake.ja4") for w in ("-e", f)],
            "suricata": ["-r", path, "-l", folder, "--runmode", "single"],
        }
        for program, words in rows.items():
            who = "Suricata" if program == "suricata" else program
            if not shutil.which(program):
                missing(what, who, f"`{program}` is not installed here")
                continue
            before = children()
            ran = subprocess.run([program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
            if ran.returncode == 0:
                peer(what, who, size / (children() - before), "bytes/CPU-s")
            else:
                missing(what, who, ran.stderr.decode(errors="replace")[-200:])


captures(sys.argv[1]) if sys.argv[1].endswith(".pcap") else logs(sys.argv[1])
