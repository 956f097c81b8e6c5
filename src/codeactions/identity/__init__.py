"""Authentication of callers: by the administrator's token, API tokens, and identity tokens of an OIDC issuer."""
