"""Fits, scores and back-tests what is expected of customers and deals; inputs and published tables are dbt models."""

from dagster_project.prediction.families import families
from dagster_project.prediction.family import Cutoff, Family, Inputs, Outcome, Score, Table
from dagster_project.prediction.fits import Fit, FitBook
from dagster_project.prediction.recalling import recalled, remember
from dagster_project.prediction.run import COMMON, PredictionRun, predict, prepare_tables

__all__ = [
    "COMMON",
    "Cutoff",
    "Family",
    "Fit",
    "FitBook",
    "Inputs",
    "Outcome",
    "PredictionRun",
    "Score",
    "Table",
    "families",
    "predict",
    "prepare_tables",
    "recalled",
    "remember",
]
