"""Messages from a company's identity system, which keep projects and permissions in step with it; optional."""
