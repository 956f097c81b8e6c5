"""The record of runs: batched writes, and a reaper that finishes the runs of dead servers."""
