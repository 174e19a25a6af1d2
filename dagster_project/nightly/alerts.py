"""Tells somebody that a run failed, by a webhook if one is set, else by a file; persons and secrets stay out of it."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dagster_project.nightly.clock import now
from dagster_project.nightly.scrubbing import scrub
from dagster_project.settings import Settings

WEBHOOK_SECONDS = 10


@dataclass(frozen=True)
class Alert:
    """What the receiver needs to decide whether to get up."""

    run_id: str
    as_of: date | None
    step: str
    message: str

    def to_document(self) -> dict[str, str | None]:
        """The alert as JSON fields; `text` is what chat systems show."""
        message = scrub(self.message)
        night = self.as_of.isoformat() if self.as_of else None
        return {
            "text": f"Kreislauf: the nightly run{f' of {night}' if night else ''} failed in {self.step}: {message}",
            "outcome": "failed",
            "run_id": self.run_id,
            "as_of": night,
            "step": self.step,
            "message": message,
        }


def alerts_dir(settings: Settings) -> Path:
    """Where alert files lie when there is no webhook, or it does not answer."""
    return settings.data_dir / "alerts"


def raise_alert(alert: Alert, *, settings: Settings) -> str:
    """Post the alert, or write it down when it cannot be posted.

    Returns:
        Where the alert went: `webhook` or the path of the file.
    """
    document = json.dumps(alert.to_document())
    if settings.alert_webhook and _post(settings.alert_webhook, document):
        return "webhook"
    folder = alerts_dir(settings)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{now():%Y%m%dT%H%M%S}-{alert.run_id[:8]}.json"
    path.write_text(document + "\n", encoding="utf-8")
    path.chmod(0o600)
    return str(path)


def _post(url: str, document: str) -> bool:
    if not url.startswith(("https://", "http://")):
        return False
    try:
        request = urllib.request.Request(  # noqa: S310 - the address is the operator's own setting
            url, data=document.encode("utf-8"), headers={"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=WEBHOOK_SECONDS) as answer:  # noqa: S310
            return bool(200 <= answer.status < 300)
    except (OSError, ValueError):
        return False
