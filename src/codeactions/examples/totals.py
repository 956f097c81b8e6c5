"""A step of a flow that adds up the amounts in a JSON body such as [{"item": "tea", "amount": 3}]."""

import json


def Run(engine):
    totals = {}
    for line in json.loads(engine.body or "[]"):
        totals[line["item"]] = totals.get(line["item"], 0) + line["amount"]
        engine.log.debug("%s is now %s", line["item"], totals[line["item"]])
    engine.result.set({"totals": totals, "sum": sum(totals.values())})
