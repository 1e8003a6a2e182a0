"""Three samples of the inputs x and y: two .npz files and a folder of .npy files."""
import sys

import numpy as np

folder = sys.argv[1]
x = np.arange(1, 21, dtype=np.float32)[None] * np.array([1, -1] * 10, np.float32)
y = np.where(np.arange(20) % 5 == 0, 8, 0.125).astype(np.float32)[None]
np.savez(folder + "/a.npz", x=x, y=y)
np.savez(folder + "/b.npz", y=-y, x=x[:, ::-1])
np.save(folder + "/c/x.npy", x)
np.save(folder + "/c/y.npy", y)
