"""JavaScript and TypeScript on Bun: bundled when they are deployed, run in a process of their own each time."""
