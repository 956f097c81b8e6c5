export function Run(engine) {
  engine.result.set({ hello: engine.params.get("name") });
}
