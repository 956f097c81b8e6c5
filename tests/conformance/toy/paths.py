"""Where the toy language's file of commands is inside the walls of a build."""

FOLDER = "/runtimes/toy"
COMMANDS = "commands"
