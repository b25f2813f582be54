"""Which requests reach the app, and the status with which others are rejected."""

import asyncio
import json
from typing import Any

import pytest

from drivesal.errors import OptionError
from drivesal.review.server.access_control import AccessControl, allowed_hosts, is_loopback
from drivesal.review.server.request_body import BODY_LIMIT
from drivesal.review.server.responses import HEADERS

PORT = 8123
TOKEN = "a-token"
HOST = {"host": f"127.0.0.1:{PORT}"}
JSON = {"content-type": "application/json"}
OWN = {"origin": f"http://127.0.0.1:{PORT}"}
COOKIE = {"cookie": f"drivesal_review_{PORT}={TOKEN}"}


def ask(
    headers: dict[str, str],
    method: str = "GET",
    path: str = "/",
    query: str = "",
    body: bytes = b"",
    token: str | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the response; the app sends the body back."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        assert not message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"server", b"another")]})
        await send({"type": "http.response.body", "body": message["body"]})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "server": ("127.0.0.1", PORT),
    }
    asyncio.run(AccessControl(app, PORT, token=token)(scope, receive, send))  # type: ignore[arg-type]
    response_headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], response_headers, b"".join(one["body"] for one in sent[1:])


def test_every_response_has_the_security_headers() -> None:
    for status, response_headers, _ in (ask(HOST), ask({"host": "evil.example"})):
        assert status in (200, 400)
        assert HEADERS.items() <= response_headers.items()
        assert response_headers["cache-control"] == "no-store"
        assert "server" not in response_headers


@pytest.mark.parametrize(
    ("status", "headers", "more"),
    [
        (200, HOST, {}),
        (400, {}, {}),
        (400, {"host": f"evil.example:{PORT}"}, {}),
        (400, {"host": "127.0.0.1:1"}, {}),
        (400, HOST | {"upgrade": "websocket"}, {}),
        (414, HOST, {"query": "x" * 9000}),
        (403, HOST | {"origin": "http://evil.example"}, {}),
        (403, HOST | {"origin": "null"}, {}),
        (403, HOST | {"sec-fetch-site": "cross-site"}, {}),
        (
            200,
            HOST | {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
            {},
        ),
        (200, HOST | OWN | JSON, {"method": "POST", "body": b"{}"}),
        (403, HOST | JSON, {"method": "POST"}),
        (415, HOST | OWN, {"method": "POST"}),
        (413, HOST | OWN | JSON, {"method": "POST", "body": b"x" * (BODY_LIMIT + 1)}),
        (413, HOST | OWN | JSON | {"content-length": str(BODY_LIMIT + 1)}, {"method": "POST"}),
        (400, HOST | OWN | JSON | {"content-length": "many"}, {"method": "POST"}),
        (401, HOST, {"token": TOKEN}),
        (401, HOST, {"token": TOKEN, "query": "token=another"}),
        (200, HOST | COOKIE, {"token": TOKEN}),
    ],
)
def test_status(status: int, headers: dict[str, str], more: dict[str, Any]) -> None:
    actual, _, body = ask(headers, **more)
    assert actual == status
    if status == 200:
        assert body == more.get("body", b"")
    else:
        assert "error" in json.loads(body)


def test_a_token_in_the_url_becomes_a_cookie() -> None:
    status, response_headers, _ = ask(HOST, path="//evil.example", query=f"token={TOKEN}&frame=3", token=TOKEN)
    assert (status, response_headers["location"]) == (303, "/evil.example?frame=3")
    assert response_headers["set-cookie"] == f"{COOKIE['cookie']}; HttpOnly; SameSite=Strict; Path=/"


def test_allowed_hosts() -> None:
    assert allowed_hosts("127.0.0.1") == ["127.0.0.1", "localhost", "::1"]
    assert allowed_hosts("box.local", ["tunnel:80"]) == ["box.local", "tunnel:80"]
    assert is_loopback("[::1]")
    assert not is_loopback("192.168.1.5")
    with pytest.raises(OptionError):
        AccessControl(lambda *_: None, PORT, ["no name"])  # type: ignore[arg-type, return-value]
