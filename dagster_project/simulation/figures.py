"""Expected KPI values beside the ones that came true, from the true history alone: no file and no model is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.simulation.baskets import CANCELLED
from dagster_project.simulation.horizon import DAY, MONTH_DAYS
from dagster_project.simulation.sales import STAGE_NAMES
from dagster_project.simulation.service import NORMAL, OUTBOUND
from dagster_project.simulation.world import World

FCR_WINDOW_DAYS = 7
MATURE_DAYS = 180
DIGITS = 9


@dataclass(frozen=True)
class Figure:
    """A stated parameter, the value to expect of it, and what came true in a sample of that size."""

    kpi: str
    dimension: str
    member: str
    parameter: str
    expected: float | None
    realised: float | None
    sample_size: int


def all_figures(world: World) -> list[Figure]:
    """Every figure about deals, tickets, contracts, purchases, experiments and baskets."""
    return [
        *_win_rates(world),
        *_stage_durations(world),
        *_cycles(world),
        *_lead_conversion(world),
        *_first_contact(world),
        *_contract_churn(world),
        *_purchases(world),
        *_campaign_effects(world),
        *_baskets(world),
    ]


def visible_opportunities(world: World) -> pl.DataFrame:
    """All true opportunities as they stand at the end: outcome so far, close day, deleted or not, first touch."""
    end = world.horizon.end_second
    last = (
        world.sales.history.filter(pl.col("changed_at") < end)
        .group_by("opportunity", maintain_order=True)
        .agg(pl.col("stage").last(), entered_at=pl.col("changed_at").last())
    )
    touches = _first_touches(world)
    frame = world.sales.opportunities.join(last, on="opportunity", how="left", maintain_order="left").join(
        touches, on="opportunity", how="left", maintain_order="left"
    )
    stage = pl.col("stage")
    outcome = pl.when(stage == 4).then(pl.lit("won")).when(stage == 5).then(pl.lit("lost")).otherwise(pl.lit("open"))
    return frame.with_columns(
        outcome=outcome,
        close_day=pl.when(stage >= 4).then((pl.col("entered_at") - pl.col("close_shift")) // DAY),
        is_deleted=pl.col("created_at") + pl.col("deleted_after") < end,
    )


def _first_touches(world: World) -> pl.DataFrame:
    """Earliest contact before a first deal: web visit, enquiry, call or the lead itself."""
    leads = world.sales.leads.filter(pl.col("opportunity").is_not_null())
    visit = pl.when(pl.col("from_web") & (pl.col("visited_at") >= world.horizon.first_second)).then("visited_at")
    from_leads = leads.select("opportunity", at=pl.min_horizontal("created_at", visit))
    firsts = world.sales.opportunities.filter("is_first").select("opportunity", "person", "created_at")
    calls = world.sales.activities.join(
        firsts.select("person", opportunity_created="created_at"), on="person", how="inner", maintain_order="left"
    )
    calls = (
        calls.filter(pl.col("occurred_at") < pl.col("opportunity_created"))
        .join(firsts.select("person", first="opportunity"), on="person", how="inner", maintain_order="left")
        .select(opportunity="first", at="occurred_at")
    )
    everything = pl.concat([from_leads, calls, firsts.select("opportunity", at="created_at")])
    return everything.group_by("opportunity", maintain_order=True).agg(first_touch_at=pl.col("at").min())


def counted(world: World) -> pl.DataFrame:
    """Opportunities that count: not deleted by the end."""
    return visible_opportunities(world).filter(~pl.col("is_deleted"))


def _win_rates(world: World) -> list[Figure]:
    figures: list[Figure] = []
    deals = counted(world)
    closed = deals.filter(pl.col("outcome") != "open")
    mature = deals.filter(pl.col("created_at") < world.horizon.end_second - MATURE_DAYS * DAY)
    for number, segment in enumerate(world.company.segments):
        if segment.is_business:
            for kpi, frame, won in (
                ("win_rate_closed", closed, pl.col("outcome") == "won"),
                ("win_rate_mature_cohort", mature, pl.col("is_won")),
            ):
                chosen = frame.filter(pl.col("segment") == number).select(won=won)["won"]
                figures.append(
                    share_figure(kpi, "segment", segment.name, "win_probability", segment.win_probability, chosen)
                )
    total = closed.select(won=pl.col("outcome") == "won")["won"]
    figures.append(share_figure("win_rate_closed", "total", "total", "win_probability", None, total))
    return figures


def _stage_durations(world: World) -> list[Figure]:
    """Completed visits of each stage; deals that were imported after the fact have none, deleted ones do not count."""
    counting = counted(world).select("opportunity")
    history = (
        world.sales.history.filter(~pl.col("is_imported"))
        .join(counting, on="opportunity", how="semi")
        .sort("opportunity", "changed_at", maintain_order=True)
    )
    stays = history.with_columns(left_at=pl.col("changed_at").shift(-1).over("opportunity")).filter(
        (pl.col("stage") < 4) & (pl.col("left_at") < world.horizon.end_second)
    )
    days = stays.with_columns(days=(pl.col("left_at") - pl.col("changed_at")) / DAY)
    figures: list[Figure] = []
    for number, segment in enumerate(world.company.segments):
        for place, stage in enumerate(world.company.stages):
            if segment.is_business:
                chosen = days.filter((pl.col("segment") == number) & (pl.col("stage") == place))["days"]
                expected = stage.mean_days * segment.stage_factor
                figures.append(
                    mean_figure(
                        "stage_days",
                        "segment|stage",
                        f"{segment.name}|{STAGE_NAMES[place]}",
                        "mean_days * stage_factor",
                        expected,
                        chosen,
                    )
                )
    return figures


def _cycles(world: World) -> list[Figure]:
    won = counted(world).filter((pl.col("outcome") == "won") & ~pl.col("is_imported"))
    creation = (won["close_day"] - won["created_at"] // DAY).cast(pl.Float64)
    first = won.filter("is_first")
    touch = (first["close_day"] - first["first_touch_at"] // DAY).cast(pl.Float64)
    return [
        mean_figure("sales_cycle_from_creation_days", "total", "total", "stage durations", None, creation),
        mean_figure(
            "sales_cycle_from_first_touch_days", "first deals", "total", "stage durations and touches", None, touch
        ),
    ]


def _lead_conversion(world: World) -> list[Figure]:
    leads = world.sales.leads.filter(pl.col("created_at") < world.horizon.end_second)
    won = counted(world).filter(pl.col("outcome") == "won").select("opportunity", is_won_now=pl.lit(value=True))
    joined = leads.join(won, on="opportunity", how="left", maintain_order="left")
    return [
        share_figure(
            "lead_conversion",
            "total",
            "total",
            "leads that became a won deal",
            None,
            joined["is_won_now"].fill_null(value=False),
        )
    ]


def _first_contact(world: World) -> list[Figure]:
    """Answered tickets whose window has passed; spam, test, merged, zero-reply and auto-closed ones are out."""
    resolved = pl.when("is_reopened").then("solved_again_at").otherwise("solved_at")
    tickets = world.service.tickets.filter(
        pl.col("kind").is_in([NORMAL, OUTBOUND])
        & pl.col("is_answered")
        & (resolved + FCR_WINDOW_DAYS * DAY < world.horizon.end_second)
    )
    figures = [
        share_figure(
            "first_contact_resolution",
            "team",
            team.name,
            "first_contact_success",
            team.first_contact_success,
            tickets.filter(pl.col("team") == number)["is_success"],
        )
        for number, team in enumerate(world.company.teams)
    ]
    one_touch = tickets["is_success"] | tickets["is_repeating"]
    return [
        *figures,
        share_figure(
            "first_contact_resolution", "total", "total", "first_contact_success", None, tickets["is_success"]
        ),
        share_figure("one_touch", "total", "total", "solved with one reply, whatever came after", None, one_touch),
    ]


def _contract_churn(world: World) -> list[Figure]:
    """Completed customer-months under contract and the share of them that were the last."""
    contracts = relations(world)
    end_day = world.horizon.end_second // DAY
    figures: list[Figure] = []
    for number, segment in enumerate(world.company.segments):
        chosen = contracts.filter(pl.col("segment") == number)
        so_far = np.floor((end_day - chosen["started"].to_numpy()) / MONTH_DAYS)
        months = int(np.minimum(so_far, chosen["months"].to_numpy()).sum())
        churned = chosen.filter(pl.col("churned") < end_day).height
        if segment.contract_probability:
            figures.append(
                Figure(
                    "contract_churn_monthly",
                    "segment",
                    segment.name,
                    "contract_monthly_churn",
                    segment.contract_monthly_churn,
                    churned / months if months else None,
                    months,
                )
            )
    return figures


def relations(world: World) -> pl.DataFrame:
    """From when to when each company truly was a contract customer (days since the epoch)."""
    return world.contracts.group_by("person", maintain_order=True).agg(
        started=pl.col("started_day").min(),
        churned=pl.col("churn_day").first(),
        segment=pl.col("segment").first(),
        months=pl.col("months").first(),
    )


def _purchases(world: World) -> list[Figure]:
    figures: list[Figure] = []
    for number, segment in enumerate(world.company.segments):
        chosen = world.customers.filter(pl.col("segment") == number)
        rate = segment.purchase_shape / segment.purchase_scale_months
        dropout = segment.dropout_a / (segment.dropout_a + segment.dropout_b)
        figures.append(
            mean_figure(
                "purchase_rate_per_month",
                "segment",
                segment.name,
                "purchase_shape / purchase_scale_months",
                rate,
                chosen["rate_per_month"],
            )
        )
        figures.append(
            mean_figure(
                "dropout_probability",
                "segment",
                segment.name,
                "dropout_a / (dropout_a + dropout_b)",
                dropout,
                chosen["dropout_probability"],
            )
        )
        figures.append(
            share_figure(
                "alive_at_end", "segment", segment.name, "share not dropped out", None, chosen["is_alive_at_end"]
            )
        )
    return figures


def _campaign_effects(world: World) -> list[Figure]:
    """Purchases a campaign caused per person assigned to an argument; only the living can be moved."""
    market = world.marketing
    experiments = [campaign.number for campaign in market.campaigns if campaign.is_experiment]
    contacts = (
        market.contacts.filter(pl.col("campaign").is_in(experiments) & ~pl.col("is_control"))
        .join(world.customers.select("person", "dropped_at"), on="person", how="left", maintain_order="left")
        .with_columns(is_alive=pl.col("dropped_at") > pl.col("at"))
    )
    caused = market.extra_orders.select("person", "campaign", is_caused=pl.lit(value=True))
    contacts = contacts.join(caused, on=["person", "campaign"], how="left", maintain_order="left")
    figures: list[Figure] = []
    for number, argument in enumerate(world.company.arguments):
        chosen = contacts.filter(pl.col("argument") == number)
        alive = float(chosen["is_alive"].mean() or 0.0)  # type: ignore[arg-type]
        figures.append(
            share_figure(
                "campaign_effect",
                "argument",
                argument.name,
                f"effect {argument.effect} * living share {alive:.3f}",
                argument.effect * alive,
                chosen["is_caused"].fill_null(value=False),
            )
        )
    return figures


def _baskets(world: World) -> list[Figure]:
    law, company = world.company.basket, world.company
    orders = world.orders.filter((pl.col("origin") < CANCELLED) & ~pl.col("is_business")).select("order")
    bought = world.lines.join(orders, on="order", how="semi", maintain_order="left").select("order", "product")

    def together(first: list[int], second: str, parameter: str, expected: float) -> Figure:
        having = bought.filter(pl.col("product").is_in(first)).unique("order", maintain_order=True)
        both = having.join(
            bought.filter(pl.col("product") == company.product_index(second)).select("order", both=pl.lit(value=True)),
            on="order",
            how="left",
        )
        names = "machine_home" if len(first) > 1 else company.products[first[0]].product_id
        return share_figure(
            "affinity_confidence",
            "pair",
            f"{names} → {second}",
            parameter,
            expected,
            both["both"].fill_null(value=False),
        )

    low, high = law.sequence_days
    observable = world.sequence.filter(pl.col("owned_at") + int(high * DAY) < world.horizon.end_second)
    return [
        together(company.product_indices("machine_home"), "BW-G010", "grinder_with_machine", law.grinder_with_machine),
        together([company.product_index("BW-C001")], "BW-C002", "tablets_with_descaler", law.tablets_with_descaler),
        share_figure(
            "sequence_confidence",
            "sequence",
            f"machine_home + BW-G010 → BW-C001 in {low:.0f} to {high:.0f} days",
            "sequence_confidence",
            law.sequence_confidence,
            observable["follows"],
        ),
    ]


def share_figure(
    kpi: str, dimension: str, member: str, parameter: str, expected: float | None, values: pl.Series
) -> Figure:
    """A share and the value to expect of it."""
    return mean_figure(kpi, dimension, member, parameter, expected, values.cast(pl.Float64))


def mean_figure(
    kpi: str, dimension: str, member: str, parameter: str, expected: float | None, values: pl.Series
) -> Figure:
    """A mean and the value to expect of it."""
    realised = values.mean()
    return Figure(
        kpi,
        dimension,
        member,
        parameter,
        expected,
        round(realised, DIGITS) if isinstance(realised, float) else None,
        values.len(),
    )
