"""runtime/python on the models that runtime-test has packed: the folder is the argument."""
import sys

import numpy as np

import ds_runtime

folder = sys.argv[1]
model = ds_runtime.Model(folder + "/add.dsm")
assert repr(model.inputs) == "[x: float32['batch', 4]]", model.inputs
model.verify()
session = model.session(threads=2)
for batch in (1, 3, 0):
    x = np.arange(batch * 8, dtype=np.float32).reshape(batch, 8)[:, ::2]
    z = session.run({"x": x})["z"]
    assert z.shape == (batch, 4) and np.array_equal(z, (x + np.float32([1, 2, 3, 4])) * 2), z
for wrong, error in (({"x": np.zeros((1, 3), np.float32)}, ds_runtime.Error), ({"x": np.zeros((1, 4))}, TypeError),
                     ({"y": x}, ValueError)):
    try:
        session.run(wrong)
        raise SystemExit(f"{wrong} was accepted")
    except error:
        pass
gather = ds_runtime.Model(folder + "/gather.dsm").session(1)
assert gather.run({"x": np.float32([1, 2, 3]), "i": np.array(2)}) == {"z": 3}
try:
    gather.run({"x": np.float32([1]), "i": np.array(7)})
except ds_runtime.Error as error:
    assert "node 'pick_1' (Gather)" in str(error)
mixture = ds_runtime.Model(folder + "/experts.dsm").session(1)
assert mixture.experts() == []
mixture.run({"x": np.float32([0, 0, 1, 3])})
site = mixture.experts()[0]
assert site["rows"].tolist() == [2, 1, 0, 1] and (site["runs"], site["tokens"], site["flops"], site["dense_flops"]) == (1, 4, 40, 160), site
assert site["node"] == "node 'pick_1' (Gather)" and site["max_violation"] == 1
mixture.reset_counters()
assert mixture.experts()[0]["total_rows"] == 0
# For ds-run, which reads it after this.
np.savez_compressed(folder + "/compressed.npz", x=np.asfortranarray(np.arange(8, dtype=np.float32).reshape(2, 4)))
np.savez(folder + "/stored.npz", np.arange(8, dtype=np.float32).reshape(2, 4))
