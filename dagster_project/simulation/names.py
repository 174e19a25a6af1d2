"""Word lists that names, addresses and subject lines are put together from."""

from __future__ import annotations

WOMEN = (
    "Anna", "Clara", "Emilia", "Greta", "Ida", "Katharina", "Marie", "Olivia", "Rosa", "Theresa", "Viktoria",
    "Zoe", "Käthe", "Chloé", "Elif", "Giulia", "Agnieszka", "Sofia", "Lucía", "Amélie", "Frida", "Lotte", "Merle",
    "Hannah", "Jule",
)  # fmt: skip

MEN = (
    "Ben", "David", "Felix", "Hannes", "Jonas", "Leon", "Noah", "Paul", "Sebastian", "Uwe", "Wolfgang", "Yusuf",
    "Jürgen", "Jörg", "Björn", "Günter", "Sören", "André", "Mehmet", "Luca", "Marek", "Mateo", "Pierre", "Nils",
    "Till",
)  # fmt: skip

FIRST_NAMES = WOMEN + MEN
SALUTATIONS = ("Frau",) * len(WOMEN) + ("Herr",) * len(MEN)

LAST_NAMES = (
    "Müller", "Schmidt", "Schneider", "Fischer", "Weber", "Meyer", "Wagner", "Becker", "Schulz", "Hoffmann",
    "Schäfer", "Koch", "Bauer", "Richter", "Klein", "Wolf", "Schröder", "Neumann", "Schwarz", "Zimmermann",
    "Braun", "Krüger", "Hofmann", "Hartmann", "Lange", "Schmitt", "Werner", "Krause", "Lehmann", "Köhler",
    "Maier", "Walter", "Huber", "Mayer", "Fuchs", "Peters", "Lang", "Scholz", "Möller", "Weiß", "Jung", "Hahn",
    "Vogel", "Friedrich", "Keller", "Günther", "Frank", "Berger", "Winkler", "Roth", "Beck", "Lorenz", "Baumann",
    "Franke", "Albrecht", "Schuster", "Simon", "Ludwig", "Böhm", "Winter", "Kraus", "Martin", "Schumacher",
    "Krämer", "Vogt", "Stein", "Jäger", "Otto", "Sommer", "Groß", "Seidel", "Heinrich", "Brandt", "Haas",
    "Schreiber", "Graf", "Dietrich", "Ziegler", "Kuhn", "Kühn", "Pohl", "Engel", "Horn", "Busch", "Bergmann",
    "Thomas", "Voigt", "Sauer", "Arnold", "Pfeiffer", "Yilmaz", "Kaya", "Nowak", "Kowalski", "Rossi", "Dubois",
    "García", "Novák", "Jansen", "de Vries",
)  # fmt: skip

TRADES = (
    "Architekten", "Steuerberatung", "Logistik", "Maschinenbau", "Werkzeugbau", "Medien", "Verlag", "Software",
    "Elektrotechnik", "Immobilien", "Rechtsanwälte", "Bäckerei", "Hotelbetriebe", "Fahrzeugtechnik", "Pharma",
    "Energie", "Bauplanung", "Druckerei", "Personaldienst", "Versicherungsmakler", "Gartenbau", "Metallbau",
    "Optik", "Dental", "Kommunikation", "Möbelwerk",
)  # fmt: skip

LEGAL_FORMS = ("GmbH", "GmbH & Co. KG", "AG", "KG", "OHG", "e.K.")

INDUSTRIES = (
    "Professional Services",
    "Manufacturing",
    "Retail",
    "Hospitality",
    "Technology",
    "Healthcare",
    "Construction",
    "Media",
)

# city, region, country, leading digits of the postal code, length of the postal code, area code
CITIES = (
    ("Berlin", "Berlin", "DE", "10", 5, "30"),
    ("Hamburg", "Hamburg", "DE", "20", 5, "40"),
    ("München", "Bayern", "DE", "80", 5, "89"),
    ("Köln", "Nordrhein-Westfalen", "DE", "50", 5, "221"),
    ("Frankfurt am Main", "Hessen", "DE", "60", 5, "69"),
    ("Stuttgart", "Baden-Württemberg", "DE", "70", 5, "711"),
    ("Düsseldorf", "Nordrhein-Westfalen", "DE", "40", 5, "211"),
    ("Leipzig", "Sachsen", "DE", "04", 5, "341"),
    ("Dresden", "Sachsen", "DE", "01", 5, "351"),
    ("Hannover", "Niedersachsen", "DE", "30", 5, "511"),
    ("Nürnberg", "Bayern", "DE", "90", 5, "911"),
    ("Bremen", "Bremen", "DE", "28", 5, "421"),
    ("Freiburg im Breisgau", "Baden-Württemberg", "DE", "79", 5, "761"),
    ("Münster", "Nordrhein-Westfalen", "DE", "48", 5, "251"),
    ("Rostock", "Mecklenburg-Vorpommern", "DE", "18", 5, "381"),
    ("Wien", "Wien", "AT", "1", 4, "1"),
    ("Graz", "Steiermark", "AT", "80", 4, "316"),
    ("Zürich", "Zürich", "CH", "80", 4, "44"),
    ("Basel", "Basel-Stadt", "CH", "40", 4, "61"),
)

CITY_WEIGHTS = (14, 9, 9, 7, 6, 6, 5, 5, 4, 4, 4, 3, 3, 3, 2, 5, 3, 4, 2)

STREETS = (
    "Hauptstraße", "Bahnhofstraße", "Gartenweg", "Schillerstraße", "Goethestraße", "Lindenallee", "Am Mühlbach",
    "Kirchgasse", "Industriestraße", "Rosenweg", "Marktplatz", "Bergstraße", "Seestraße", "Waldweg",
    "Königsallee", "Parkstraße",
)  # fmt: skip

MAIL_HOSTS = ("example.com", "example.org", "example.net", "mail.example.com", "post.example.org")

JOB_TITLES = (
    "Geschäftsführung",
    "Leitung Einkauf",
    "Office Management",
    "Leitung Verwaltung",
    "Assistenz",
    "Facility Management",
)
DEPARTMENTS = ("Management", "Einkauf", "Office", "Verwaltung", "Empfang", "Technik")
BUYING_ROLES = ("decider", "buyer", "user", "influencer", "gatekeeper", "user")

TOPIC_SUBJECTS = {
    "delivery": "Wo bleibt meine Lieferung?",
    "billing": "Frage zur Rechnung",
    "return": "Rücksendung",
    "defect": "Gerät defekt",
    "usage": "Frage zur Bedienung",
    "contract": "Frage zum Vertrag",
    "maintenance": "Wartungstermin",
}
