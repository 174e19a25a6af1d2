"""Lays addresses out for a German letter shop, with the line that greets; who gets a letter is decided before."""

from __future__ import annotations

import polars as pl

from dagster_project.activation.audiences import text

NOBODY_IN_PARTICULAR = "Sehr geehrte Damen und Herren"

_MADAM = r"(?i)^(?:frau|fr\.?|mrs\.?|ms\.?|miss|madame)(?:\s|$)"
_SIR = r"(?i)^(?:herrn?|hr\.?|mr\.?|monsieur)(?:\s|$)"
_BREAKS = r"[\s\p{Cc}]+"


def letter_shop(frame: pl.DataFrame) -> pl.DataFrame:
    """One row per letter: customer, address and salutation line, as German letter shops take it.

    Anrede is Frau or Herr, else empty; a title that stands behind it ("Frau Dr.") goes into Titel and the greeting.
    Companies stand in Firma, with their contact in Vorname and Name. Postal codes are text and keep their leading
    zeros. Line breaks within a cell become spaces: one line, one letter.

    Args:
        frame: Rows with customer_key and any of salutation, first_name, last_name, name, customer_type, street,
            postal_code, city and country_code.
    """
    form = _one_line(text(frame, "salutation"))
    is_business = text(frame, "customer_type").eq("business").fill_null(value=False)
    last_name = _one_line(text(frame, "last_name"))
    whole_name = _one_line(text(frame, "name"))
    laid_out = frame.select(
        text(frame, "customer_key").alias("Kundennummer"),
        pl.when(form.str.contains(_MADAM))
        .then(pl.lit("Frau"))
        .when(form.str.contains(_SIR))
        .then(pl.lit("Herr"))
        .alias("Anrede"),
        _title(form).alias("Titel"),
        _one_line(text(frame, "first_name")).alias("Vorname"),
        pl.when(is_business).then(last_name).otherwise(pl.coalesce(last_name, whole_name)).alias("Name"),
        pl.when(is_business).then(whole_name).alias("Firma"),
        *(
            _one_line(text(frame, column)).alias(header)
            for column, header in (("street", "Strasse"), ("postal_code", "PLZ"), ("city", "Ort"))
        ),
        text(frame, "country_code").str.to_uppercase().alias("Land"),
    )
    return laid_out.with_columns(_greeting().alias("Briefanrede"))


def _title(form: pl.Expr) -> pl.Expr:
    rest = form.str.replace(_MADAM, "").str.replace(_SIR, "").str.strip_chars()
    return pl.when((rest != "") & (rest != form)).then(rest)


def _greeting() -> pl.Expr:
    named = pl.concat_str(pl.col("Titel"), pl.col("Name"), separator=" ", ignore_nulls=True)
    whole = pl.concat_str(pl.col("Vorname"), pl.col("Name"), separator=" ")
    is_known = pl.col("Name").is_not_null()
    return (
        pl.when(is_known & (pl.col("Anrede") == "Frau"))
        .then(pl.lit("Sehr geehrte Frau ") + named)
        .when(is_known & (pl.col("Anrede") == "Herr"))
        .then(pl.lit("Sehr geehrter Herr ") + named)
        .when(is_known & pl.col("Vorname").is_not_null())
        .then(pl.lit("Guten Tag ") + whole)
        .otherwise(pl.lit(NOBODY_IN_PARTICULAR))
    )


def _one_line(value: pl.Expr) -> pl.Expr:
    return value.str.replace_all(_BREAKS, " ").str.strip_chars()
