"""Kreislauf: a closed-loop analytical CRM warehouse."""
