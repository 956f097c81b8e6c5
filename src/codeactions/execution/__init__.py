"""A run from asked-for to recorded: admission, executor, recorder, and the reaper of what servers left behind."""
