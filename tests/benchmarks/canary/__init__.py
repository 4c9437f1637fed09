"""How often the canary score cries wolf, how soon it finds what is wrong, and what others do."""

import os

# One thread a process, said before numpy is imported: trials are shared out among processes.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
