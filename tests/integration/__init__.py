"""The whole loop on real files; slow fixtures are shared per session."""
