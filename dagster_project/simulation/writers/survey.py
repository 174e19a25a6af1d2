"""The survey tool's workbook, one sheet of answers: three questionnaires, one of them with school marks (1 is best)."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import polars as pl
import xlsxwriter

from dagster_project.simulation.exports import Export, Format, Layout, words_by
from dagster_project.simulation.identifiers import debtor_number
from dagster_project.simulation.surveys import COMMENTS, INSTRUMENTS
from dagster_project.simulation.world import World

SYSTEM = "survey"
SHEET = "Antworten"
MADE_AT = datetime(2000, 1, 1, tzinfo=UTC)


def survey_exports(world: World) -> list[Export]:
    """The workbook of each period."""
    rows = world.surveys.with_columns(_at="known_at")
    return [Export(SYSTEM, "umfrage", "Umfrage_", ".xlsx", "append", rows, _layout(world), Format(workbook))]


def _layout(world: World) -> Layout:
    people = world.people.frame.select("person", "is_business", "email").join(
        world.customers.select("person", "first_at"), on="person", how="left", maintain_order="left"
    )
    main = world.people.contacts.filter(pl.col("place") == 0).select("person", contact_email="email")

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        joined = rows.join(people, on="person", how="left", maintain_order="left").join(
            main, on="person", how="left", maintain_order="left"
        )
        number = pl.col("is_business") & pl.col("first_at").is_not_null()
        answered = pl.when("is_answered")
        return joined.select(
            **{
                "Antwort-ID": pl.concat_str(pl.lit("U"), (pl.col("response") + 1).cast(pl.String).str.zfill(7)),
                "E-Mail": pl.when("is_business").then("contact_email").otherwise("email"),
                "Kundennummer": pl.when(number).then(debtor_number()),
                "Fragebogen": words_by(pl.col("instrument"), list(INSTRUMENTS)),
                "Anlass": pl.when(pl.col("ticket").is_not_null())
                .then(pl.lit("Kundendienst"))
                .otherwise(pl.lit("Bestellung")),
                "Ticket": pl.col("ticket") + 50_001,
                "Wert": answered.then("score"),
                "Eingeladen am": _local("invited_at"),
                "Beantwortet am": answered.then(_local("known_at")),
                "Kommentar": answered.then(words_by(pl.col("comment"), list(COMMENTS))),
            }
        ).with_columns(pl.when(pl.col("Kommentar") != "").then("Kommentar").alias("Kommentar"))

    return layout


def _local(column: str) -> pl.Expr:
    moment = (
        pl.from_epoch(pl.col(column), time_unit="s").dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin")
    )
    return moment.dt.replace_time_zone(None)


def workbook(frame: pl.DataFrame) -> bytes:
    """An .xlsx whose bytes depend on the cells alone."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True, "default_date_format": "dd.mm.yyyy hh:mm:ss"})
    book.set_properties({"created": MADE_AT, "title": "Umfrage", "company": "Bohnenwerk GmbH"})
    sheet = book.add_worksheet(SHEET)
    sheet.write_row(0, 0, frame.columns)
    for place, column in enumerate(frame.iter_columns()):
        sheet.write_column(1, place, column.to_list())
    book.close()
    return target.getvalue()
