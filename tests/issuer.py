"""A real issuer of identity tokens, in a process of its own."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from harness import wait_until

CLIENT = "codeactions"
BACK = "http://127.0.0.1:1/back"  # never opened: the code is read off the redirect


@dataclass(frozen=True)
class Tokens:
    """What the flow ends with. The issuer's access tokens are opaque, its identity tokens are not."""

    identity: str
    access: str


class Issuer:
    """`oidc-provider-mock`, with users that are made as they are needed."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self.url = ""
        self.start()

    def start(self, port: str = "0") -> None:
        """Start it, with a key of its own that no earlier one had."""
        command = [sys.executable, "-m", "oidc_provider_mock", "-p", port]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        self.url = str(wait_until(self._serving, 30, "the issuer's start"))

    def stop(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(20)

    def restart(self) -> None:
        """The same issuer with another key and without users."""
        self.stop()
        self.start(self.url.rpartition(":")[2])

    def sign_in(self, user: str, **claims: Any) -> Tokens:
        """Sign a user in, as a browser and the client's server would."""
        with httpx.Client(base_url=self.url) as client:
            client.put(f"/users/{user}", json=claims).raise_for_status()
            ends = client.get("/.well-known/openid-configuration").json()
            query = {"client_id": CLIENT, "redirect_uri": BACK, "response_type": "code", "scope": "openid email"}
            agreed = client.post(ends["authorization_endpoint"], params=query | {"state": "s"}, data={"sub": user})
            assert agreed.status_code == 302, agreed.text
            code = httpx.URL(agreed.headers["location"]).params["code"]
            form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
            tokens = client.post(ends["token_endpoint"], data=form, auth=(CLIENT, "secret")).raise_for_status().json()
        return Tokens(tokens["id_token"], tokens["access_token"])

    def sign_out(self, user: str) -> None:
        """Revoke every token of a user."""
        httpx.post(f"{self.url}/users/{user}/revoke-tokens").raise_for_status()

    def _serving(self) -> str | None:
        assert self._process.poll() is None, self._output.read_text()
        found = re.search(r"running on (http://127\.0\.0\.1:\d+)", self._output.read_text())
        return found[1] if found else None
