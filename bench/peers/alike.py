"""py-tlsh as a linear scan, for figures beside the index: one JSON object a line."""

import json
import random
import time

import tlsh

# It has no index: 100,000 comparisons, scaled to a million.
chance = random.Random(1)
digests = ["T1" + "".join(chance.choice("0123456789ABCDEF") for _ in range(70)) for _ in range(1000)]
start = time.process_time()
for a in digests[:100]:
    for b in digests:
        tlsh.diff(a, b)
print(json.dumps({"row": "py-tlsh scan of 1 M", "value": (time.process_time() - start) * 1e3 * 10}))
