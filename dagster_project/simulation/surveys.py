"""Who was asked for an opinion and what they answered; scores follow the fate of the ticket they were asked about."""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.simulation.baskets import CANCELLED
from dagster_project.simulation.draws import Ints, Random, chance, pick, stream
from dagster_project.simulation.horizon import DAY, Horizon, next_office_time
from dagster_project.simulation.service import MERGED

INSTRUMENTS = ("NPS", "CES", "CSAT")
NPS, CES, CSAT = range(3)
MOST_INVITATIONS = 60_000
# Weight of each answer from the lowest value up, after good and bad experiences. CSAT is a school mark: 1 is best.
SCORES = {
    (NPS, True): (1, 0, 1, 1, 2, 4, 6, 15, 25, 25, 20),
    (NPS, False): (10, 4, 6, 8, 9, 14, 13, 14, 12, 6, 4),
    (CES, True): (1, 2, 4, 8, 20, 35, 30),
    (CES, False): (14, 16, 20, 18, 16, 10, 6),
    (CSAT, True): (45, 35, 12, 5, 3),
    (CSAT, False): (8, 18, 26, 26, 22),
}
COMMENTS = ("", "", "", "Alles bestens.", "Hat zu lange gedauert.", "Sehr freundlich!", "Bitte rufen Sie zurück.")


def make_surveys(
    horizon: Horizon, *, tickets: pl.DataFrame, orders: pl.DataFrame, seed: int, most: int = MOST_INVITATIONS
) -> pl.DataFrame:
    """Invitations after solved tickets (all three instruments) and after orders (NPS), with their answers.

    Args:
        horizon: Simulated time.
        tickets: All tickets.
        orders: All orders.
        seed: Seed of the branch.
        most: About how many invitations are sent; a large company asks a smaller share.
    """
    random = stream(seed, "surveys")
    solved = tickets.filter(
        (pl.col("kind") < MERGED) & (pl.col("solved_at") < horizon.end_second) & (pl.col("person") >= 0)
    )
    thin = min(1.0, most / max(0.35 * solved.height + 0.05 * orders.height, 1))
    asked = solved.filter(pl.Series(chance(random, 0.35 * thin, solved.height)))
    after_ticket = asked.select(
        "person",
        "ticket",
        invited_at=pl.max_horizontal("solved_at", pl.when(pl.col("is_reopened")).then("solved_again_at")) + DAY,
        is_good="is_success",
        instrument=pl.Series(pick(random, (0.34, 0.33, 0.33), asked.height)),
    )
    bought = orders.filter((pl.col("person") >= 0) & (pl.col("origin") < CANCELLED))
    bought = bought.filter(pl.Series(chance(random, 0.05 * thin, bought.height)))
    after_order = bought.select(
        "person", ticket=pl.lit(None, pl.Int64), invited_at=pl.col("at") + 14 * DAY
    ).with_columns(is_good=pl.Series(chance(random, 0.8, bought.height)), instrument=pl.lit(NPS, pl.Int64))
    frame = pl.concat([after_ticket, after_order])
    size = frame.height
    invited = next_office_time(frame["invited_at"].to_numpy())
    answered = chance(random, 0.45, size)
    answered_at = invited + 600 + (random.exponential(1.5, size) * DAY).astype(np.int64)
    frame = frame.with_columns(
        invited_at=invited,
        is_answered=answered,
        known_at=np.where(answered, answered_at, invited + 14 * DAY),
        score=_scores(random, frame),
        comment=random.integers(0, len(COMMENTS), size),
    )
    frame = frame.filter(pl.col("known_at") < horizon.end_second).sort(
        "known_at", "person", "instrument", maintain_order=True
    )
    return frame.with_columns(response=pl.int_range(pl.len(), dtype=pl.Int64))


def _scores(random: Random, frame: pl.DataFrame) -> Ints:
    instrument, good = frame["instrument"].to_numpy(), frame["is_good"].to_numpy()
    scores = np.zeros(frame.height, dtype=np.int64)
    for (kind, is_good), weights in SCORES.items():
        mask = (instrument == kind) & (good == is_good)
        lowest = 0 if kind == NPS else 1
        scores[mask] = lowest + pick(random, weights, int(mask.sum()))
    return scores
