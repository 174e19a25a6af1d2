"""Parameters of the demo company Bohnenwerk: what is true about it. No random number and no file layout lives here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Segment:
    """One kind of customer and the laws its behaviour follows.

    Purchases follow MBG/NBD: the rate per month is Gamma(`purchase_shape`, 1 / `purchase_scale_months`), and after
    every purchase, the first included, the customer drops out with a probability that is Beta(`dropout_a`,
    `dropout_b`). Order values follow Gamma-Gamma: Gamma(`spend_p`, rate) with a rate that is Gamma(`spend_q`,
    `spend_gamma`), rounded to whole packs.
    """

    name: str
    is_business: bool
    share: float
    purchase_shape: float
    purchase_scale_months: float
    dropout_a: float
    dropout_b: float
    spend_p: float
    spend_q: float
    spend_gamma: float
    win_probability: float = 0.0
    stage_factor: float = 1.0
    opportunities_per_year: float = 0.0
    deal_amount: float = 0.0
    contract_probability: float = 0.0
    contract_monthly_amount: float = 0.0
    contract_monthly_churn: float = 0.0


@dataclass(frozen=True)
class Stage:
    """One open stage of the pipeline; durations are Gamma(2, mean / 2), times the segment's factor."""

    name: str
    mean_days: float
    lost_share: float
    probability_percent: int


@dataclass(frozen=True)
class Team:
    """A service team and the chance that it solves a question at the first contact."""

    name: str
    first_contact_success: float
    first_reply_hours: float
    topics: tuple[str, ...]


@dataclass(frozen=True)
class Product:
    """One article of the assortment; money in cents."""

    product_id: str
    name: str
    category: str
    price: int
    cost: int | None
    is_subscription: bool = False
    launched_share: float = 0.0
    discontinued_share: float | None = None


@dataclass(frozen=True)
class Argument:
    """An argument of campaigns; `effect` is the share of addressed, living customers it makes buy once more."""

    name: str
    effect: float


@dataclass(frozen=True)
class ServiceLaw:
    """Chances around tickets.

    Priorities run from low to urgent; `priority_pace` stretches the time to a reply. A ticket is `escalated` while it
    is open, `relabelled` three weeks after it was solved.
    """

    per_order: float = 0.22
    per_faulty_order: float = 0.80
    business_per_month: float = 0.12
    prospect_share: float = 0.25
    repeat_share: float = 0.25
    reopen_share: float = 0.20
    zero_reply: float = 0.03
    auto_closed: float = 0.03
    outbound: float = 0.04
    merged: float = 0.03
    spam: float = 0.04
    test: float = 0.005
    cost_per_contact_cents: int = 480
    priorities: tuple[float, ...] = (0.10, 0.70, 0.15, 0.05)
    priority_pace: tuple[float, ...] = (1.6, 1.0, 0.6, 0.3)
    escalated: float = 0.04
    relabelled: float = 0.08


@dataclass(frozen=True)
class SalesLaw:
    """Chances around leads and opportunities."""

    lead_share: float = 0.65
    lost_leads_per_business: float = 1.2
    lost_lead_qualified: float = 0.3
    skipped: float = 0.08
    stepped_back: float = 0.06
    won_after_reopening: float = 0.06
    imported: float = 0.04
    deleted: float = 0.012
    merged: float = 0.012
    lead_days: float = 9.0
    web_visit_before_lead: float = 0.7
    call_before_deal: float = 0.6
    activities_per_stage: float = 0.9
    care_per_month: float = 0.12
    decider_reached_when_won: float = 0.85
    decider_reached_when_lost: float = 0.45
    management_share: float = 0.12


@dataclass(frozen=True)
class BasketLaw:
    """Chances around what lies in a basket; the faulty batch is on offer, so that more people take it."""

    machine_in_first_order: float = 0.42
    grinder_with_machine: float = 0.35
    frother_with_machine: float = 0.20
    favourite_bean: float = 0.60
    second_bean: float = 0.25
    tablets_with_descaler: float = 0.55
    descaler: float = 0.07
    cups: float = 0.04
    filters: float = 0.08
    sequence_confidence: float = 0.72
    sequence_days: tuple[float, float] = (80.0, 100.0)
    discount_share: float = 0.08
    price_rise: float = 1.05
    returned: float = 0.025
    machine_returned: float = 0.06
    faulty_returned: float = 0.22
    cancelled_share: float = 0.015
    anonymous_share: float = 0.01
    offered_share: float = 0.50


@dataclass(frozen=True)
class MarketingLaw:
    """Chances around newsletters and consent."""

    signup_buyer: float = 0.70
    signup_business: float = 0.60
    confirmed: float = 0.88
    withdrawn_per_year: float = 0.04
    granted_again: float = 0.15
    newsletter_reach: float = 0.35
    control_share: float = 0.12
    open: float = 0.36
    click_when_open: float = 0.16
    scanned_share: float = 0.10
    bounce: float = 0.008
    unsubscribe: float = 0.004
    complaint: float = 0.001
    wave_days: int = 2
    letter_cents: int = 95
    mail_cents: int = 2


@dataclass(frozen=True)
class QuoteLaw:
    """Chances around quotes; `discounts` are percentages of the list price with their weights."""

    days_to_quote: float = 2.0
    revised: float = 0.35
    discounts: tuple[tuple[int, float], ...] = ((0, 0.30), (3, 0.25), (5, 0.25), (10, 0.15), (15, 0.05))
    valid_days: tuple[int, ...] = (30, 60)
    expired_when_lost: float = 0.30
    unsent_share: float = 0.04
    without_opportunity_per_month: float = 0.03
    without_opportunity_accepted: float = 0.55
    without_opportunity_declined: float = 0.30
    without_opportunity_size: float = 0.05


@dataclass(frozen=True)
class CostLaw:
    """What things cost in cents, and shares of a month's revenue; all of it grows with the number of customers.

    `usd_rate` is the rate of `seeds/exchange_rates.csv`, so that the truth can be told in euros.
    """

    activity_cents: int = 6_500
    contacted_cents: int = 32
    mailing_cents: int = 24
    acquisition_cents: tuple[tuple[str, int], ...] = (
        ("search", 3_000),
        ("referral", 1_100),
        ("social", 2_400),
        ("email", 700),
        ("event", 5_100),
    )
    business_factor: int = 5
    replacement_share: float = 0.006
    overhead_share: float = 0.015
    premises_share: float = 0.006
    voucher_share: float = 0.006
    service_overhead_share: float = 0.20
    member_cents: int = 60
    gifts_per_year: float = 0.25
    corrected_share: float = 0.04
    corrected_percent: int = 15
    cancelled_share: float = 0.01
    restated_share: float = 0.03
    licence_usd_cents_per_customer: int = 60
    move_cents_per_customer: int = 90
    usd_rate: float = 0.92


@dataclass(frozen=True)
class LoyaltyLaw:
    """The customer club: who joins when, what it truly moves, what points are worth.

    Joining depends on nothing a customer does. While a member has not dropped out, the club makes it order
    `extra_orders_per_month` times a month beside the purchases of the process.
    """

    joins: float = 0.35
    joins_at_once: float = 0.40
    joining_days: float = 90.0
    leaves_per_year: float = 0.06
    extra_orders_per_month: float = 0.20
    redeems: float = 0.50
    points_per_step: int = 200
    reward_cents_per_100_points: int = 100
    silver_points: int = 500
    gold_points: int = 1_500
    expiry_days: int = 365


@dataclass(frozen=True)
class WebLaw:
    """Chances around visits to the web site of people who never become known."""

    strangers_per_customer: float = 1.2


@dataclass(frozen=True)
class StoreLaw:
    """Chances around visits to the shops."""

    stores: tuple[str, ...] = ("Berlin", "Hamburg", "München", "Köln")
    strangers_per_customer: float = 0.6
    stranger_buys: float = 0.38
    card_visits_per_month: float = 0.10
    card_holder_buys: float = 0.55
    before_first_order: float = 0.18
    visit_days: float = 6.0
    leaves_address: float = 0.60
    subscriber_visits: float = 0.15
    firm_visits_per_year: float = 0.30
    looks_at_product: float = 0.80


@dataclass(frozen=True)
class SocialLaw:
    """Chances around social networks; `ratings` and `faulty_ratings` are the weights of one to five stars."""

    customer_follows: float = 0.15
    firm_follows: float = 0.12
    subscriber_follows: float = 0.25
    follows_before_first_order: float = 0.35
    strangers_per_customer: float = 0.8
    address_known: float = 0.45
    unfollows_per_year: float = 0.08
    reactions_per_month: float = 0.15
    reviewed: float = 0.04
    faulty_reviewed: float = 0.50
    review_address_known: float = 0.60
    ratings: tuple[float, ...] = (3, 4, 10, 33, 50)
    faulty_ratings: tuple[float, ...] = (45, 25, 15, 10, 5)


@dataclass(frozen=True)
class ReactionLaw:
    """How people react to the lists of the warehouse; no part of `Company`, whose base history knows of no list.

    `factors` stretches the effect of the arguments where a list finds the right people, or the wrong ones. A mail is
    opened after `open_days` on average, a purchase follows within `buying_days`. `effect` stands in for all arguments.
    """

    factors: dict[str, float] = field(
        default_factory=lambda: {
            "seg_win_back": 1.5,
            "seg_cross_sell_candidates": 1.2,
            "seg_lapsed_newsletter_readers": 0.5,
        }
    )
    effect: float | None = None
    open_days: float = 0.5
    buying_days: float = 5.0


@dataclass(frozen=True)
class Company:
    """Everything that is true about the demo company; `activity` is how much busier than Bohnenwerk it was made."""

    segments: tuple[Segment, ...]
    stages: tuple[Stage, ...]
    teams: tuple[Team, ...]
    products: tuple[Product, ...]
    arguments: tuple[Argument, ...]
    name: str = "Bohnenwerk GmbH"
    service: ServiceLaw = field(default_factory=ServiceLaw)
    sales: SalesLaw = field(default_factory=SalesLaw)
    basket: BasketLaw = field(default_factory=BasketLaw)
    marketing: MarketingLaw = field(default_factory=MarketingLaw)
    quotes: QuoteLaw = field(default_factory=QuoteLaw)
    costs: CostLaw = field(default_factory=CostLaw)
    loyalty: LoyaltyLaw = field(default_factory=LoyaltyLaw)
    web: WebLaw = field(default_factory=WebLaw)
    store: StoreLaw = field(default_factory=StoreLaw)
    social: SocialLaw = field(default_factory=SocialLaw)
    subscriber_share: float = 0.12
    second_shop_account: float = 0.02
    account_deleted: float = 0.02
    faulty_product: str = "BW-M200"
    faulty_window: tuple[float, float] = (0.62, 0.72)
    price_rise_share: float = 0.5
    activity: float = 1.0

    def segment_values(self, attribute: str) -> list[Any]:
        """One attribute of all segments, in their order."""
        return [getattr(segment, attribute) for segment in self.segments]

    def product_index(self, product_id: str) -> int:
        """Place of a product in the assortment."""
        return [product.product_id for product in self.products].index(product_id)

    def product_indices(self, category: str) -> list[int]:
        """Places of all products of a category."""
        return [index for index, product in enumerate(self.products) if product.category == category]


SEGMENTS = (
    Segment(
        name="consumer",
        is_business=False,
        share=0.70,
        purchase_shape=1.3,
        purchase_scale_months=2.6,
        dropout_a=0.9,
        dropout_b=4.2,
        spend_p=6.0,
        spend_q=4.0,
        spend_gamma=19.0,
    ),
    Segment(
        name="home_office",
        is_business=False,
        share=0.12,
        purchase_shape=1.6,
        purchase_scale_months=2.0,
        dropout_a=0.8,
        dropout_b=6.0,
        spend_p=6.0,
        spend_q=4.5,
        spend_gamma=34.0,
    ),
    Segment(
        name="small_business",
        is_business=True,
        share=0.11,
        purchase_shape=1.6,
        purchase_scale_months=2.2,
        dropout_a=0.8,
        dropout_b=7.0,
        spend_p=6.0,
        spend_q=4.0,
        spend_gamma=90.0,
        win_probability=0.52,
        stage_factor=0.7,
        opportunities_per_year=0.5,
        deal_amount=2_400.0,
        contract_probability=0.75,
        contract_monthly_amount=49.0,
        contract_monthly_churn=0.022,
    ),
    Segment(
        name="mid_market",
        is_business=True,
        share=0.05,
        purchase_shape=1.9,
        purchase_scale_months=1.9,
        dropout_a=0.7,
        dropout_b=9.0,
        spend_p=6.0,
        spend_q=4.5,
        spend_gamma=260.0,
        win_probability=0.44,
        stage_factor=1.0,
        opportunities_per_year=0.8,
        deal_amount=9_500.0,
        contract_probability=0.85,
        contract_monthly_amount=190.0,
        contract_monthly_churn=0.014,
    ),
    Segment(
        name="enterprise",
        is_business=True,
        share=0.02,
        purchase_shape=2.4,
        purchase_scale_months=1.6,
        dropout_a=0.6,
        dropout_b=12.0,
        spend_p=6.0,
        spend_q=5.0,
        spend_gamma=900.0,
        win_probability=0.33,
        stage_factor=1.6,
        opportunities_per_year=1.2,
        deal_amount=42_000.0,
        contract_probability=0.92,
        contract_monthly_amount=780.0,
        contract_monthly_churn=0.008,
    ),
)

STAGES = (
    Stage("Prospecting", 12.0, 0.30, 10),
    Stage("Qualification", 16.0, 0.30, 30),
    Stage("Proposal", 20.0, 0.25, 55),
    Stage("Negotiation", 14.0, 0.15, 80),
)

TEAMS = (
    Team("Bestellservice", 0.76, 5.0, ("delivery", "billing", "return")),
    Team("Technik", 0.55, 9.0, ("defect", "usage")),
    Team("Premium", 0.67, 3.0, ("contract", "maintenance")),
)

PRODUCTS = (
    Product("BW-M100", "Siebträger Piccolo", "machine_home", 34_900, 21_800),
    Product("BW-M200", "Siebträger Grande", "machine_home", 64_900, 40_300),
    Product("BW-M300", "Vollautomat Casa", "machine_home", 89_900, 57_000),
    Product("BW-M310", "Vollautomat Casa Plus", "machine_home", 109_900, 66_000, launched_share=0.4),
    Product("BW-O500", "Büroautomat 50", "machine_office", 199_000, 128_000),
    Product("BW-O900", "Büroautomat 90", "machine_office", 349_000, 219_000),
    Product("BW-O950", "Kaffeestation Kantine", "machine_office", 690_000, 431_000),
    Product("BW-G010", "Kaffeemühle Solo", "grinder", 18_900, 10_900),
    Product("BW-B001", "Espresso Forte 1 kg", "beans", 2_290, 1_190),
    Product("BW-B002", "Crema Mild 1 kg", "beans", 1_990, 1_010),
    Product("BW-B003", "Bio Honduras 1 kg", "beans", 2_690, 1_480),
    Product("BW-B004", "Äthiopien Filter 500 g", "beans", 1_450, 820),
    Product("BW-B005", "Entkoffeiniert 500 g", "beans", 1_390, 760),
    Product("BW-B006", "Hausmischung Büro 5 kg", "beans_office", 8_490, 4_350),
    Product("BW-B007", "Espresso Kantine 10 kg", "beans_office", 15_900, 8_250),
    Product("BW-B008", "Winterröstung 500 g", "beans", 1_590, 910, discontinued_share=0.7),
    Product("BW-C001", "Pflegeset Entkalker", "care", 1_490, 520),
    Product("BW-C002", "Reinigungstabletten", "care", 990, 310),
    Product("BW-C003", "Wasserfilter 4er", "care", 2_490, 1_120),
    Product("BW-A001", "Milchaufschäumer", "accessory", 7_900, 4_100),
    Product("BW-A002", "Tassen 6er", "accessory", 2_990, None),
    Product("BW-S010", "Servicevertrag Basis", "service_contract", 4_900, 2_100, is_subscription=True),
    Product("BW-S020", "Servicevertrag Komfort", "service_contract", 19_000, 8_800, is_subscription=True),
    Product("BW-S030", "Servicevertrag Rundum", "service_contract", 78_000, 39_500, is_subscription=True),
)

ARGUMENTS = (
    Argument("price", 0.025),
    Argument("quality", 0.045),
    Argument("sustainability", 0.065),
    Argument("convenience", 0.035),
)

BOHNENWERK = Company(SEGMENTS, STAGES, TEAMS, PRODUCTS, ARGUMENTS)
