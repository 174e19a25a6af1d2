"""The demo company whose truth is known: writes its messy exports and, apart from them, what is true. No pipeline code lives here."""

from dagster_project.simulation.simulate import SimulationResult, deliver, simulate

__all__ = ["SimulationResult", "deliver", "simulate"]
