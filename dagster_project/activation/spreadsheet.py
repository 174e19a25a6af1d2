"""Makes cells harmless for spreadsheets that open the CSV; Parquet keeps every value as it is and never comes here."""

from __future__ import annotations

import polars as pl

_SPACE = r"[\s\p{Cc}\p{Cf}]*"
_FULL_WIDTH_SIGNS = r"\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}\x{FE62}\x{FE63}\x{FE66}\x{FE6B}"
_SIGNS = rf"[=+\-@{_FULL_WIDTH_SIGNS}]"
_RUNS = rf"^(?:{_SPACE}{_SIGNS}|[\t\r\n\x00'])"
_RUNS_INSIDE = rf"([,;|\t\r\n]{_SPACE})({_SIGNS})"


def neutralise(frame: pl.DataFrame) -> pl.DataFrame:
    """Put an apostrophe before whatever a spreadsheet would run as a formula.

    A cell counts when it begins with ``=``, ``+``, ``-`` or ``@`` (also full-width, also after white space and
    invisible characters) or with a tab, a line break or an apostrophe; inside a cell it is the same after a character
    that a spreadsheet of another language may take for a column separator. Numbers and dates stay as they are.

    Args:
        frame: The list; only its text columns are touched.
    """
    text = pl.col(pl.String)
    begun = pl.when(text.str.contains(_RUNS)).then(pl.lit("'") + text).otherwise(text)
    return frame.with_columns(begun.str.replace_all(_RUNS_INSIDE, "$1'$2").name.keep())
