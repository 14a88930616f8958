"""Step 2 of the recipe (see ../names_model.rs): boosted trees over DIR/rows.f32, written to DIR/trees."""

import json
import struct
import sys
from pathlib import Path

import lightgbm
import numpy

ROUNDS, LEAVES, RATIO = 120, 31, 0.3
FALSE_POSITIVES = 0.001


def nodes(tree, scale=1.0):
    """A tree in the layout of `lexical/trees.rs`: a left child follows its parent."""
    if "leaf_value" in tree:
        return [struct.pack("<BBHf", 255, 0, 0, tree["leaf_value"])]
    left, right = nodes(tree["left_child"]), nodes(tree["right_child"])
    # Features are f32: the greatest f32 that is not above the threshold asks the same.
    value = numpy.float32(tree["threshold"])
    if float(value) > tree["threshold"]:
        value = numpy.nextafter(value, numpy.float32(-numpy.inf))
    assert tree["decision_type"] == "<=" and len(left) + 1 < 255
    head = struct.pack("<BBHf", tree["split_feature"], len(left) + 1, 0, float(value))
    return [head] + left + right


def main(folder):
    count = len((folder / "features.txt").read_text().split())
    rows = numpy.fromfile(folder / "rows.f32", dtype="<f4").reshape(-1, count)
    kinds = numpy.array([line.split("\t")[0] for line in (folder / "rows.txt").open()])
    used = kinds != "threshold"
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
    parts = [struct.pack("<fI", base, len(trees))]
    for tree in trees:
        parts.append(struct.pack("<H", len(tree)) + b"".join(tree))
    (folder / "trees").write_bytes(b"".join(parts))
    gains = sorted(zip(model.feature_importance("gain"), (folder / "features.txt").read_text().split()), reverse=True)
    print(json.dumps({"threshold names": len(odds), "base": base, "gains": [n for _, n in gains][:15]}))


main(Path(sys.argv[1]))
