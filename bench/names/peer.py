"""The peer: LightGBM on the customary features of a name (no model of letters, pieces or suffixes of ours).

By hand: `python3 peer.py DIR`, DIR as in train.py.
"""

import sys
from pathlib import Path

import lightgbm
import numpy

CUSTOMARY = """Length Digits DigitShare Turns Hyphens VowelShare ConsonantRun VowelRun DigitRun DistinctShare Entropy Hex
MostCommon StartsDigit EndsDigit PairBits""".split()


def read(rows, kinds, names):
    values = numpy.fromfile(rows, dtype="<f4").reshape(-1, len(names))
    return values[:, [names.index(n) for n in CUSTOMARY]], numpy.array([l.split("\t")[0] for l in kinds.open()])


def main(folder):
    names = (folder / "features.txt").read_text().split()
    rows, kinds = read(folder / "rows.f32", folder / "rows.txt", names)
    used = numpy.isin(kinds, ["train", "made"])
    made = (kinds == "made")[used]
    weights = numpy.where(made, 0.3 * (~made).sum() / made.sum(), 1.0)
    settings = dict(objective="binary", num_leaves=31, learning_rate=0.12, num_threads=1, seed=1, deterministic=True, verbose=-1)
    model = lightgbm.train(settings, lightgbm.Dataset(rows[used], made.astype(int), weight=weights), 120)
    limit = numpy.quantile(model.predict(rows[kinds == "threshold"]), 0.999)
    found = model.predict(rows) > limit
    families = sorted(k for k in set(kinds) if k.startswith("real:"))
    shares = {f[5:]: found[kinds == f].mean() for f in families}
    print({f: round(float(s), 3) for f, s in shares.items()})
    print("macro", numpy.mean(list(shares.values())), "false positives", found[numpy.isin(kinds, ["tranco", "crux"])].mean())


main(Path(sys.argv[1]))
