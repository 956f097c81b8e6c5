"""The `codeactions` command: wires everything together."""
