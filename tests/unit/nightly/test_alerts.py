"""A failed run reaches somebody, and carries nobody's data with it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dagster_project.nightly.alerts import Alert, alerts_dir, raise_alert
from dagster_project.settings import load_settings

ALERT = Alert(
    run_id="0123456789",
    as_of=date(2025, 12, 31),
    step="transformation",
    message="the model dim_customers failed: Could not convert string 'Anna Müller' of anna@example.com to INT32",
)


class Receiver(BaseHTTPRequestHandler):
    received: list[dict[str, str]] = []  # noqa: RUF012 - shared by all requests of a test on purpose

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        pass


@pytest.fixture
def webhook() -> Iterator[str]:
    Receiver.received.clear()
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_the_webhook_gets_the_sentence_without_persons(webhook: str, tmp_path: Path) -> None:
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path), "CRM_ALERT_WEBHOOK": webhook})
    assert raise_alert(ALERT, settings=settings) == "webhook"
    [document] = Receiver.received
    assert "nightly run of 2025-12-31" in document["text"]
    assert "dim_customers" in document["text"]
    assert not {"Anna", "Müller", "example.com"} & set(document["text"].replace("'", " ").split())


@pytest.mark.parametrize("webhook_url", [None, "http://127.0.0.1:9/", "file:///etc/passwd"])
def test_without_a_webhook_that_answers_a_file_is_written(webhook_url: str | None, tmp_path: Path) -> None:
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path), "CRM_ALERT_WEBHOOK": webhook_url or ""})
    place = Path(raise_alert(ALERT, settings=settings))
    assert place.parent == alerts_dir(settings)
    assert place.stat().st_mode & 0o077 == 0
    text = place.read_text()
    assert json.loads(text)["as_of"] == "2025-12-31"
    assert "anna@example.com" not in text
    assert not webhook_url or webhook_url not in text
