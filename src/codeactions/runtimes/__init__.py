"""The languages: how each is found, prepared, built, tried and started, and the engine that its codes get."""
