// Empty: with an assembly file here, the compiler takes functions without a body (exit.go).
