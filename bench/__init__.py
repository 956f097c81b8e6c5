"""The benchmarks: the server measured against its peers. Run `python -m bench` from the root of the repository."""
