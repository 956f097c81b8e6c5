"""The record of runs: batched writes, and the reaper of what dead servers left open."""
