"""An endpoint that greets its caller and writes a log line."""


def Run(engine):
    name = engine.params.get("name", "world")
    engine.log.info("greeting %s", name)
    engine.result.set({"hello": name})
