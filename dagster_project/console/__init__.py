"""What the `crm` command prints: tables, progress, screens; no verb, no query and no decision lives here."""
