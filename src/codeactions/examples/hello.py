"""An endpoint: greets whoever calls it, and logs that it did."""


def Run(engine):
    name = engine.params.get("name", "world")
    engine.log.info("greeting %s", name)
    engine.result.set({"hello": name})
