"""py-tlsh, libfuzzy (ssdeep-wheel) and ppdeep over the files named on standard input: one JSON object a line."""

import json
import random
import sys
import time

import ppdeep
import ssdeep
import tlsh

files = []
for line in sys.stdin:
    path = line.rstrip("\n")
    with open(path, "rb") as file:
        files.append((path, file.read()))
mb = sum(len(b) for _, b in files) / 1e6


def rate(name, some, work):
    start = time.process_time()
    out = [work(b) for _, b in some]
    took = time.process_time() - start
    print(json.dumps({"row": name, "value": sum(len(b) for _, b in some) / 1e6 / took}))
    return out


rate("py-tlsh", files, tlsh.hash)
for (path, _), digest in zip(files, rate("libfuzzy", files, ssdeep.hash)):
    print(json.dumps({"path": path, "ssdeep": digest}))
# Pure Python: a sample of 2 MB is enough for a rate.
some, room = [], 2_000_000
for path, b in files:
    if len(b) <= room:
        some.append((path, b))
        room -= len(b)
rate("ppdeep", some, ppdeep.hash)

# A linear scan, as py-tlsh has no index: 100,000 comparisons, scaled to a million.
chance = random.Random(1)
digests = ["T1" + "".join(chance.choice("0123456789ABCDEF") for _ in range(70)) for _ in range(1000)]
start = time.process_time()
for a in digests[:100]:
    for b in digests:
        tlsh.diff(a, b)
print(json.dumps({"row": "py-tlsh scan of 1 M", "value": (time.process_time() - start) * 1e3 * 10}))
