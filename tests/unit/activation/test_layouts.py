"""Lists as the tools of others take them: columns, normalisation, hashes, and who has to be taken out again."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.activation.delta import compare
from dagster_project.activation.destinations import Destination
from dagster_project.activation.layouts import LAYOUTS, RenderedFile, render
from dagster_project.activation.segments import IDENTIFIERS, Channel, SegmentDefinition, SegmentSettings
from dagster_project.errors import CrmError

NIGHT = date(2025, 12, 31)


def segment(channel: Channel = "email", key: str = "customer_key") -> SegmentDefinition:
    settings = SegmentSettings(
        title="t",
        owner="o",
        purpose="marketing",
        legal_basis="consent",
        channel=channel,
        min_size=0,
        max_size=9,
        key=key,
    )
    return SegmentDefinition("seg_x", settings, "select 1")


def people(**columns: list[Any]) -> pl.DataFrame:
    """Rows with keys a, b, c … and these columns, all text."""
    count = len(next(iter(columns.values())))
    keys = {"customer_key": [chr(ord("a") + number) for number in range(count)]}
    return pl.DataFrame({**keys, **columns}, schema_overrides=dict.fromkeys(columns, pl.String))


def rendered(
    layout: str,
    members: pl.DataFrame,
    *,
    previous: pl.DataFrame | None = None,
    channel: Channel = "email",
    content: Any = "full",
    **verdicts: str,
) -> tuple[RenderedFile, ...]:
    reasons = pl.DataFrame(
        {"customer_key": list(verdicts), "verdict": list(verdicts.values())},
        schema={"customer_key": pl.String, "verdict": pl.String},
    )
    known = None
    if previous is not None:
        known = compare(previous, members, keys=("customer_key",), removal_reasons=reasons)
    form = LAYOUTS[layout].form
    destination = Destination(name="d", url="file:///nowhere", layout=layout, content=content, form=form)
    return render(destination, members=members, delta=known, segment=segment(channel), as_of=NIGHT)


def rows(file: RenderedFile, *, encoding: str = "utf-8", delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.content.decode(encoding), newline=""), delimiter=delimiter))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def column(layout: str, header: str, *, channel: Channel = "email", **columns: list[Any]) -> list[str]:
    """One column of a rendered list; a second identifier keeps every row in it."""
    (file,) = rendered(layout, people(**columns), channel=channel)
    return [row[header] for row in rows(file)]


# Google Customer Match


@pytest.mark.parametrize(
    ("address", "normalised"),
    [
        *(
            ("  Jane.Doe@Example.COM ", "jane.doe@example.com"),
            ("user.name+NYC@Example.com", "user.name+nyc@example.com"),
        ),
        *(
            ("Cloudy.SanFrancisco+shopping@gmail.com", "cloudysanfrancisco@gmail.com"),
            ("a.b@googlemail.com", "ab@googlemail.com"),
        ),
        *(("a.b@notgmail.com", "a.b@notgmail.com"), ("a.b@gmail.com.example.org", "a.b@gmail.com.example.org")),
        ("jane doe@example.com", "janedoe@example.com"),
    ],
)
def test_google_hashes_addresses_in_its_own_form(address: str, normalised: str) -> None:
    assert column("google_customer_match", "Email", email=[address]) == [sha256(normalised)]


@pytest.mark.parametrize(
    ("number", "normalised"),
    [
        ("+49 (30) 123-4567", "+49301234567"),
        ("0049301234567", "+49301234567"),
        ("+493012345678901", "+493012345678901"),
    ],
)
def test_google_hashes_numbers_in_e164(number: str, normalised: str) -> None:
    assert column("google_customer_match", "Phone", channel="phone", phone=[number]) == [sha256(normalised)]


@pytest.mark.parametrize("number", ["030 1234567", "+49", "+0301234567", "+4930123456789012", "none", ""])
def test_a_number_without_a_country_is_not_guessed(number: str) -> None:
    for layout in ("google_customer_match", "meta_custom_audience"):
        (file,) = rendered(layout, people(phone=[number]), channel="phone")
        assert rows(file) == []
        assert file.note == "1 rows by which nobody can be recognised were left out"


@pytest.mark.parametrize(
    ("header", "name", "normalised"),
    [
        *(("First Name", " Karl-Heinz ", "karlheinz"), ("First Name", "Zoë  Marie", "zoë marie")),
        *(("First Name", "Dr. Ida", "ida"), ("First Name", "Drew", "drew"), ("First Name", "Zoe\u0308", "zoë")),
        *(("Last Name", "O'Neill Jr.", "oneill"), ("Last Name", "de Vries", "de vries"), ("Last Name", "Iiis", "iiis")),
    ],
)
def test_google_hashes_names_without_punctuation_and_titles(header: str, name: str, normalised: str) -> None:
    columns: dict[str, Any] = {"first_name" if header == "First Name" else "last_name": [name]}
    assert column("google_customer_match", header, email=["a@x.org"], **columns) == [sha256(normalised)]


def test_google_gets_country_and_zip_as_they_are_and_all_its_headers() -> None:
    members = people(
        first_name=["Ida"], last_name=["Groß"], country_code=["de"], postal_code=["01067"], street=["Weg 1"], city=["D"]
    )
    (file,) = rendered("google_customer_match", members, channel="letter")
    assert file.content.decode() == (
        f"Email,Phone,First Name,Last Name,Country,Zip\n,,{sha256('ida')},{sha256('groß')},DE,01067\n"
    )
    assert (file.name, file.row_count, file.sha256) == ("seg_x_2025-12-31.csv", 1, sha256(file.content.decode()))


def test_google_recognises_nobody_by_half_an_address() -> None:
    members = people(
        first_name=["Ida", "Udo"], last_name=["A", "B"], country_code=["DE", "DE"], postal_code=["1", None]
    )
    (file,) = rendered("google_customer_match", members, channel="letter")
    assert (file.row_count, file.note) == (1, "1 rows by which nobody can be recognised were left out")


# Meta


@pytest.mark.parametrize(
    ("header", "source", "value", "normalised"),
    [
        *(
            ("email", "email", " Mary@Example.com ", "mary@example.com"),
            ("email", "email", "a.b+c@gmail.com", "a.b+c@gmail.com"),
        ),
        *(("fn", "first_name", "Karl-Heinz", "karlheinz"), ("fn", "first_name", "Zoe\u0308 Marie", "zoëmarie")),
        *(
            ("ln", "last_name", "O'Groß 3rd", "ogroßrd"),
            ("ct", "city", "München", "munchen"),
            ("ct", "city", "Łódź", "lodz"),
        ),
        *(("ct", "city", "Gießen (Lahn)", "giessenlahn"), ("country", "country_code", "DE", "de")),
        ("zip", "postal_code", "D 01067", "d01067"),
    ],
)
def test_meta_hashes_every_column_in_its_own_form(header: str, source: str, value: str, normalised: str) -> None:
    columns: dict[str, Any] = {"email": ["a@x.org"], source: [value]}
    assert column("meta_custom_audience", header, **columns) == [sha256(normalised)]


def test_the_examples_of_metas_own_page() -> None:
    assert column("meta_custom_audience", "email", email=["mary@example.com"]) == [
        "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79"
    ]
    assert column("meta_custom_audience", "phone", channel="phone", phone=["+1 (555) 987-6543"]) == [
        "1ef970831d7963307784fa8688e8fce101a15685d62aa765fed23f3a2c576a4e"
    ]


@pytest.mark.parametrize(
    ("country", "code", "normalised"),
    [("US", "94035-1234", "94035"), ("GB", "SW1A 1AA", "sw1a1"), ("GB", "M1 1AE", "m11"), ("DE", "94035-1", "94035-1")],
)
def test_meta_cuts_the_codes_of_two_countries(country: str, code: str, normalised: str) -> None:
    columns: dict[str, Any] = {"email": ["a@x.org"], "country_code": [country], "postal_code": [code]}
    assert column("meta_custom_audience", "zip", **columns) == [sha256(normalised)]


def test_meta_gets_all_its_headers_and_nothing_in_plain_text() -> None:
    members = people(
        email=["ida@x.org"], first_name=["Ida"], last_name=["Groß"], country_code=["DE"], city=["Bonn"], reason=["why"]
    )
    (file,) = rendered("meta_custom_audience", members)
    header, line, _ = file.content.decode().split("\n")
    assert header == "email,phone,fn,ln,zip,ct,country"
    assert [len(cell) for cell in line.split(",")] == [64, 0, 64, 64, 0, 64, 64]


# Hashed input


@pytest.mark.parametrize("layout", ["google_customer_match", "meta_custom_audience"])
@pytest.mark.parametrize("digits", [32, 40, 64])
@pytest.mark.parametrize("name", ["email", "first_name"])
def test_input_that_is_hashed_or_mixed_is_refused_without_showing_it(layout: str, digits: int, name: str) -> None:
    digest = sha256("a@x.org")[:digits].upper()
    columns: dict[str, Any] = {"email": ["a@x.org", "b@x.org", "c@x.org"], name: ["Ida", f" {digest} ", None]}
    members = people(**columns)
    with pytest.raises(CrmError, match=f"1 of 3 values of {name} are hashed already") as caught:
        rendered(layout, members)
    assert digest not in str(caught.value)


def test_a_long_number_is_no_hash() -> None:
    assert column("google_customer_match", "Email", email=["0123456789abcdef0123456789abcde@x.org"])


@given(st.lists(st.text(alphabet="aB.+@- \u00df\u0130", max_size=6), min_size=1, max_size=5))
def test_only_digests_leave_in_hashed_columns(values: list[str]) -> None:
    members = people(email=[f"{value}@gmail.com" for value in values], first_name=values, last_name=values)
    for layout, plain in (("google_customer_match", ("Country", "Zip")), ("meta_custom_audience", ())):
        (file,) = rendered(layout, members)
        for row in rows(file):
            cells = [cell for header, cell in row.items() if header not in plain]
            assert all(cell == "" or (len(cell) == 64 and set(cell) <= set("0123456789abcdef")) for cell in cells)


# Mailing tools


def test_mailchimp_gets_the_list_as_a_tag_and_subscribes_nobody() -> None:
    members = people(email=["i@x.org"], first_name=["Ida"], last_name=["Groß, von"], name=["Ida Groß"], reason=["why"])
    (file,) = rendered("mailchimp", members)
    assert file.content.decode() == ('Email Address,First Name,Last Name,Tags,Status\ni@x.org,Ida,"Groß, von",seg_x,\n')


def test_mailchimp_unsubscribes_only_who_may_not_be_written_to() -> None:
    previous = people(email=["a@x.org", "b@x.org", "c@x.org", "d@x.org"])
    _, removed = rendered(
        "mailchimp",
        previous.clear(),
        previous=previous,
        content="delta",
        a="no_consent",
        b="left",
        c="suppressed",
        d="cool_down",
    )
    assert [(row["Email Address"], row["Status"]) for row in rows(removed)] == [
        ("a@x.org", "unsubscribed"),
        ("b@x.org", ""),
        ("c@x.org", "unsubscribed"),
        ("d@x.org", ""),
    ]


def test_hubspot_finds_a_customer_again_by_key() -> None:
    (file,) = rendered("hubspot", people(email=["i@x.org"], first_name=["Ida"], last_name=["Groß"]))
    assert file.content.decode() == (
        "Customer Key,Email,Phone Number,First Name,Last Name,Segment,Removal Reason\na,i@x.org,,Ida,Groß,seg_x,\n"
    )


# The letter shop


def letters(**columns: Any) -> dict[str, str]:
    """The row of one letter."""
    whole = {"name": "Ida Groß", "street": "Weg 1", "postal_code": "01067", "city": "Dresden", "country_code": "DE"}
    (file,) = rendered(
        "letter_shop", people(**{key: [value] for key, value in {**whole, **columns}.items()}), channel="letter"
    )
    (row,) = rows(file, encoding="cp1252", delimiter=";")
    return row


@pytest.mark.parametrize(
    ("form", "first_name", "last_name", "greeting"),
    [
        *(("Frau", "Ida", "Groß", "Sehr geehrte Frau Groß"), ("Herr", "Udo", "Groß", "Sehr geehrter Herr Groß")),
        *(("Ms.", "Ida", "Groß", "Sehr geehrte Frau Groß"), ("Mr.", "Udo", "Groß", "Sehr geehrter Herr Groß")),
        *(("Frau Dr.", "Ida", "Groß", "Sehr geehrte Frau Dr. Groß"), ("Herrn", "Udo", "G", "Sehr geehrter Herr G")),
        *((None, "Ida", "Groß", "Guten Tag Ida Groß"), ("Dr.", "Ida", "Groß", "Guten Tag Ida Groß")),
        *(("Fräulein", "Ida", "Groß", "Guten Tag Ida Groß"), ("Mrs", "I", "G", "Sehr geehrte Frau G")),
        ("Frau", "Ida", None, "Sehr geehrte Frau Ida Groß"),
    ],
)
def test_the_line_that_greets(form: str | None, first_name: str, last_name: str | None, greeting: str) -> None:
    row = letters(salutation=form, first_name=first_name, last_name=last_name)
    assert row["Briefanrede"] == greeting


def test_a_company_is_greeted_by_its_contact_or_by_nobody_in_particular() -> None:
    known = letters(customer_type="business", name="Groß GmbH", salutation="Frau", first_name="Ida", last_name="Klein")
    nobody = letters(customer_type="business", name="Groß GmbH")
    assert (known["Firma"], known["Name"], known["Briefanrede"]) == ("Groß GmbH", "Klein", "Sehr geehrte Frau Klein")
    assert (nobody["Firma"], nobody["Name"], nobody["Briefanrede"]) == (
        "Groß GmbH",
        "",
        "Sehr geehrte Damen und Herren",
    )


def test_an_address_gets_no_apostrophe() -> None:
    assert letters(street="+1 Weg")["Strasse"] == "+1 Weg"


def test_a_letter_in_full() -> None:
    members = people(
        salutation=["Herr Prof. Dr."],
        first_name=["Čedomil"],
        last_name=["Groß"],
        name=["Čedomil Groß"],
        street=["Weg 1\nHinterhaus"],
        postal_code=["01067"],
        city=["Dresden"],
        country_code=["de"],
    )
    (file,) = rendered("letter_shop", members, channel="letter")
    assert file.content.decode("cp1252") == (
        '"Kundennummer";"Anrede";"Titel";"Vorname";"Name";"Firma";"Strasse";"PLZ";"Ort";"Land";"Briefanrede"\r\n'
        '"a";"Herr";"Prof. Dr.";"Cedomil";"Groß";;"Weg 1 Hinterhaus";"01067";"Dresden";"DE";'
        '"Sehr geehrter Herr Prof. Dr. Groß"\r\n'
    )
    assert file.note == "1 characters that cp1252 does not know were replaced"


# Whole lists and changes


def test_plain_changes_are_one_file_that_says_what_happened() -> None:
    previous, members = people(email=["a@x.org", "b@x.org"]), people(email=["new@x.org"])
    full, delta = rendered("plain", members, previous=previous, content="both", b="expired")
    assert (full.name, full.content_kind, full.row_count) == ("seg_x_2025-12-31.csv", "full", 1)
    assert (delta.name, delta.content_kind, delta.row_count) == ("seg_x_2025-12-31_delta.csv", "delta", 2)
    assert [tuple(row.values()) for row in rows(delta, encoding="utf-8-sig")] == [
        ("a", "new@x.org", "changed", ""),
        ("b", "b@x.org", "removed", "expired"),
    ]


def test_a_tool_gets_who_comes_and_who_goes_in_two_files_even_when_nothing_changes() -> None:
    members = people(email=["a@x.org"])
    files = rendered("mailchimp", members, previous=members, content="delta")
    assert [(file.name, file.row_count) for file in files] == [
        ("seg_x_2025-12-31_delta.csv", 0),
        ("seg_x_2025-12-31_delta_removed.csv", 0),
    ]


def test_before_anything_arrived_everybody_comes() -> None:
    coming, going = rendered("mailchimp", people(email=["a@x.org", "b@x.org"]), content="delta")
    assert (coming.row_count, going.row_count) == (2, 0)


@pytest.mark.parametrize(("layout", "header"), [("mailchimp", "Email Address"), ("google_customer_match", "Email")])
def test_a_former_address_is_taken_out_and_the_new_one_put_in(layout: str, header: str) -> None:
    previous, members = people(email=["old@x.org", "b@x.org"]), people(email=["new@x.org", "b@x.org"])
    coming, going = rendered(layout, members, previous=previous, content="delta")
    shown = (lambda text: text) if layout == "mailchimp" else sha256
    assert [row[header] for row in rows(coming)] == [shown("new@x.org")]
    assert [row[header] for row in rows(going)] == [shown("old@x.org")]


@pytest.mark.parametrize("layout", ["mailchimp", "google_customer_match", "meta_custom_audience"])
def test_an_address_that_another_member_has_now_stays(layout: str) -> None:
    previous, members = people(email=["a@x.org", "shared@x.org"]), people(email=["Shared@x.org"])
    _, going = rendered(
        layout, members.with_columns(pl.col("email").str.to_lowercase()), previous=previous, content="delta"
    )
    assert going.row_count == 1
    assert "shared" not in going.content.decode()
    assert sha256("shared@x.org") not in going.content.decode()


def test_a_name_that_changes_takes_nobody_out() -> None:
    previous = people(email=["a@x.org"], name=["Ida Groß"])
    members = people(email=["a@x.org"], name=["Ida Klein"], first_name=["Ida"], last_name=["Klein"])
    coming, going = rendered("google_customer_match", members, previous=previous, content="delta")
    assert (coming.row_count, going.row_count) == (1, 0)


def test_two_at_one_address_stay_apart() -> None:
    address = {"country_code": ["DE", "DE"], "postal_code": ["01067", "01067"], "last_name": ["Groß", "Groß"]}
    previous = people(first_name=["Ida", "Udo"], **address)
    remaining = previous.head(1)
    _, going = rendered("google_customer_match", remaining, previous=previous, channel="letter", content="delta")
    assert [row["First Name"] for row in rows(going)] == [sha256("udo")]
    nameless = previous.drop("first_name")
    _, going = rendered("google_customer_match", remaining, previous=nameless, channel="letter", content="delta")
    assert rows(going) == []


def test_two_spellings_of_one_address_are_taken_out_once() -> None:
    previous = people(email=["i.da@gmail.com", "ida@gmail.com"])
    _, going = rendered("google_customer_match", previous.clear(), previous=previous, content="delta")
    assert [row["Email"] for row in rows(going)] == [sha256("ida@gmail.com")]


def test_machines_get_values_without_apostrophes() -> None:
    members = people(phone=["+49301234567"], first_name=["=Ida"])
    (file,) = rendered("hubspot", members, channel="phone")
    assert [(row["Phone Number"], row["First Name"]) for row in rows(file)] == [("+49301234567", "=Ida")]


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_a_layout_takes_its_channels_and_refuses_the_others(layout: str) -> None:
    for channel in IDENTIFIERS.keys() - {"internal"}:
        members = people(**{key: ["x"] for key in (*IDENTIFIERS[channel], *LAYOUTS[layout].needs)})
        if channel in LAYOUTS[layout].channels:
            assert rendered(layout, members, channel=channel)
        else:
            with pytest.raises(CrmError, match="takes lists for"):
                rendered(layout, members, channel=channel)


def test_a_work_list_leaves_as_it_is() -> None:
    deals = pl.DataFrame({"customer_key": ["a", None], "deal": ["d1", "d2"]})
    destination = Destination(name="d", url="file:///nowhere", content="both")
    files = render(destination, members=deals, delta=None, segment=segment("internal", key="deal"), as_of=NIGHT)
    assert [file.row_count for file in files] == [2, 2]


def test_no_layout_asks_for_an_address_that_does_not_come_with_the_channel() -> None:
    addresses = {"email", "phone", "street", "postal_code", "birth_date"}
    assert {name for layout in LAYOUTS.values() for name in layout.needs} & addresses == set()
