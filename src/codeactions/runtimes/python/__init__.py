"""Python codes: forked from a zygote that has the engine imported."""
