"""What a code, a run, a log line is, and the rules they follow. No I/O; imports nothing else of ours."""
