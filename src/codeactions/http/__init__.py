"""The HTTP API: one module per resource. Routes translate; what happens is decided below them."""
