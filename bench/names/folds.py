"""Leave-family-out: for each family, trees that were trained on made-up generators and on all other real families.

By hand: `python3 folds.py DIR SHARE LEAVES ROUNDS` (packages `numpy`, `lightgbm`) after `names-recipe rows DIR` with
`COMITY_DATA`. SHARE: what part of the weight of generated names the real families have, each as much as another.
Families that share an algorithm are left out together. Popular names, their threshold and the test are dealt by
registrable domain (`src/lists.rs`); the threshold of a fold is chosen on names that neither train nor test.
"""

import sys
from pathlib import Path

import lightgbm
import numpy

# One algorithm, other parameters: the generators of `crates/botnet/src/generated` say so (`msvc.rs`, `hashed.rs`).
SHARED = [{"dnschanger", "m0yv"}, {"orchard", "verblecon"}]
WORDS = {"gozi", "ngioweb", "nymaim2"}
FALSE_POSITIVES, RATIO, MOST = 0.001, 0.3, 1_500


def groups(families):
    told = []
    for family in families:
        group = next((s for s in SHARED if family in s), {family})
        if group not in told:
            told.append(group)
    return told


def main(folder, share, leaves, rounds):
    count = len((folder / "features.txt").read_text().split())
    rows = numpy.fromfile(folder / "rows.f32", dtype="<f4").reshape(-1, count)
    lines = [line.rstrip("\n").split("\t") for line in (folder / "rows.txt").open()]
    kinds, names = numpy.array([k for k, _ in lines]), numpy.array([n for _, n in lines])
    families = sorted({k[5:] for k in set(kinds) if k.startswith("real:")})
    popular = numpy.flatnonzero(kinds == "train")[::2]
    made = numpy.flatnonzero(kinds == "made")[::2]
    tested = numpy.flatnonzero((kinds == "tranco") | (kinds == "crux"))
    tested = tested[numpy.unique(names[tested], return_index=True)[1]]
    settings = dict(
        objective="binary", num_leaves=leaves, learning_rate=0.12, min_data_in_leaf=40, feature_fraction=0.5,
        bagging_fraction=0.5, bagging_freq=1, lambda_l2=3.0, max_bin=127, seed=1, num_threads=1, deterministic=True,
        verbose=-1,
    )  # fmt: skip
    found, wrong = {}, []
    for group in groups(families):
        generated = RATIO * len(popular)
        used = [popular, made]
        weights = [numpy.ones(len(popular)), numpy.full(len(made), generated * (1 - share) / len(made))]
        others = [f for f in families if f not in group]
        for family in others if share else []:
            of = numpy.flatnonzero(kinds == "real:" + family)
            of = of[:: len(of) // MOST + 1]
            used.append(of)
            # A family of few names weighs less than others, or its names would be learnt by heart.
            weights.append(numpy.full(len(of), generated * share / len(others) / max(len(of), 30)))
        at = numpy.concatenate(used)
        truth = (numpy.arange(len(at)) >= len(popular)).astype(int)
        data = lightgbm.Dataset(rows[at], truth, weight=numpy.concatenate(weights))
        model = lightgbm.train(settings, data, rounds)
        limit = numpy.quantile(model.predict(rows[kinds == "threshold"]), 1 - FALSE_POSITIVES)
        wrong.append((model.predict(rows[tested]) > limit).mean())
        for family in group:
            found[family] = (model.predict(rows[kinds == "real:" + family]) > limit).mean()
            print(f"{family:20} {found[family]:.3f}", flush=True)
    words = [found[f] for f in WORDS if f in found]
    print(f"macro {numpy.mean(list(found.values())):.3f}, families of words {numpy.mean(words):.3f}")
    print(f"false positives {100 * min(wrong):.3f} to {100 * max(wrong):.3f} % of {len(tested)} popular names")


main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
