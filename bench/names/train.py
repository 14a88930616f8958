"""Step 2 of the recipe (see src/recipe.rs): boosted trees over DIR/rows.f32, written to DIR/trees."""

import json
import struct
import sys
from pathlib import Path

import lightgbm
import numpy

ROUNDS, LEAVES, RATIO = 120, 31, 0.3
FALSE_POSITIVES = 0.001
# The feature number of a leaf, in `lexical/trees.rs`.
LEAF = 63


def nodes(tree):
    """A tree in the layout of `lexical/trees.rs` (a left child follows its parent), and its depth."""
    if "leaf_value" in tree:
        return [struct.pack("<BBBBf", LEAF, 0, 0, 0, tree["leaf_value"])], 0
    (left, deep), (right, deeper) = nodes(tree["left_child"]), nodes(tree["right_child"])
    # Features are f32: the greatest f32 that is not above the threshold asks the same.
    value = numpy.float32(tree["threshold"])
    if float(value) > tree["threshold"]:
        value = numpy.nextafter(value, numpy.float32(-numpy.inf))
    assert tree["decision_type"] == "<=" and len(left) + 1 < 255
    head = struct.pack("<BBBBf", tree["split_feature"], 1, len(left) + 1, 0, float(value))
    return [head] + left + right, 1 + max(deep, deeper)


def section(base, trees):
    """The trees' section of a model: those of like depth together, as they are walked side by side."""
    trees = sorted(trees, key=lambda tree: tree[1])
    starts, first = [], 0
    for tree, depth in trees:
        starts.append(struct.pack("<I", depth << 24 | first))
        first += len(tree)
    return struct.pack("<fI", base, len(trees)) + b"".join(starts) + b"".join(n for tree, _ in trees for n in tree)


def main(folder):
    count = len((folder / "features.txt").read_text().split())
    rows = numpy.fromfile(folder / "rows.f32", dtype="<f4").reshape(-1, count)
    kinds = numpy.array([line.split("\t")[0] for line in (folder / "rows.txt").open()])
    used = numpy.isin(kinds, ["train", "made"])
    made = (kinds == "made")[used]
    weights = numpy.where(made, RATIO * (~made).sum() / made.sum(), 1.0)
    settings = dict(
        objective="binary", num_leaves=LEAVES, learning_rate=0.12, min_data_in_leaf=40, feature_fraction=0.5,
        bagging_fraction=0.5, bagging_freq=1, lambda_l2=3.0, max_bin=127, seed=1, num_threads=1, deterministic=True,
        verbose=-1,
    )  # fmt: skip
    data = lightgbm.Dataset(rows[used], made.astype(int), weight=weights)
    model = lightgbm.train(settings, data, ROUNDS)
    trees = [nodes(t["tree_structure"]) for t in model.dump_model()["tree_info"]]
    odds = model.predict(rows[kinds == "threshold"], raw_score=True)
    # Log odds of nought are those of the threshold.
    base = -float(numpy.quantile(odds, 1 - FALSE_POSITIVES))
    (folder / "trees").write_bytes(section(base, trees))
    gains = sorted(zip(model.feature_importance("gain"), (folder / "features.txt").read_text().split()), reverse=True)
    print(json.dumps({"threshold names": len(odds), "base": base, "gains": [n for _, n in gains][:15]}))


main(Path(sys.argv[1]))
