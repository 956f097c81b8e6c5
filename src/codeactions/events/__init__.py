"""Messages of a company's identity system, by which projects and permissions follow it; optional."""
