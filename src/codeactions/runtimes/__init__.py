"""How each language is started inside the walls, and the engine its code gets."""
