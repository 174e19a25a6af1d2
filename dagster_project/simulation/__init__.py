"""The demo company whose truth is known: its messy exports and, apart from them, what is true. No pipeline code."""

from dagster_project.simulation.act import ActResult, act
from dagster_project.simulation.delivery import FurtherResult, SimulationResult, deliver, further
from dagster_project.simulation.simulate import simulate

__all__ = ["ActResult", "FurtherResult", "SimulationResult", "act", "deliver", "further", "simulate"]
