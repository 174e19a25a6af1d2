"""The demo company whose truth is known: its messy exports and, apart from them, what is true. No pipeline code."""

from dagster_project.simulation.act import ActResult, act
from dagster_project.simulation.simulate import SimulationResult, deliver, simulate

__all__ = ["ActResult", "SimulationResult", "act", "deliver", "simulate"]
