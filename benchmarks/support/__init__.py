"""Helper modules of the benchmarks, not commands. Benchmarks start `bare_training`, `engine_run` and `paced_worker`."""
