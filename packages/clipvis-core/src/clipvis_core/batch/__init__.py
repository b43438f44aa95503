"""Many inputs with one command: found, shared out, segmented, resumed and summed up.

    find_inputs -> jobs_of -> shard -> an engine -> Summary

An engine is `VideoRunner` (this process), `WorkerPool` (processes of this machine) or `RayEngine` (a cluster). The
latter two run a `VideoRunner` in each process. `done.json` in each output folder says what need not be done again.
"""
