"""E-mail addresses and numbers as they are compared, by the very macros of the models; compares nothing itself."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

from dagster_project.settings import PROJECT_ROOT

_MACROS = ("engine/text.sql", "normalised_email.sql", "normalised_phone.sql")


def email_sql(expression: str) -> str:
    """DuckDB's SQL for a normalised e-mail address.

    Args:
        expression: A column.
    """
    return _rendered(f"{{{{ normalised_email('{expression}') }}}}")


def phone_sql(expression: str, *, has_country: bool = False) -> str:
    """DuckDB's SQL for a normalised telephone number.

    Args:
        expression: A column.
        has_country: Whether `country_code` stands beside it.
    """
    country = ", 'country_code'" if has_country else ""
    return _rendered(f"{{{{ normalised_phone('{expression}'{country}) }}}}")


@cache
def _rendered(call: str) -> str:
    import jinja2
    import yaml

    dbt = PROJECT_ROOT / "dbt"
    variables = yaml.safe_load((dbt / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    macros = "".join((dbt / "macros" / name).read_text(encoding="utf-8") for name in _MACROS)
    environment = jinja2.Environment(autoescape=False)  # noqa: S701 - SQL, not HTML
    environment.globals.update({"var": variables.get, "target": SimpleNamespace(type="duckdb")})
    return f"({environment.from_string(macros + call).render().strip()})"
