"""The numbers of the file descriptors that a run starts with.

0, 1 and 2 are /dev/null and the pipes of its two outputs.
"""

JOB_FD = 3
"""The pipe that the run reads its job from."""
FRAMES_FD = 4
"""The pipe that the run answers on."""
PROGRAM_FD = 5
"""The program that the run's process becomes, where its runtime needs one."""
