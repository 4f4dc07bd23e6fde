"""Faults: what goes wrong in a run, as data.

Every kind is one class in one of the modules below, marked with `@register`; see docs/faults.md.
"""

from world_sim.faults import clock, drive, lidar, processes, transport, values
from world_sim.faults.catalogue import catalogue, json_schema, markdown_table
from world_sim.faults.loading import FaultError, load_faults, parse_fault, parse_faults
from world_sim.faults.model import REGISTRY, Fault, register
from world_sim.faults.pipeline import Delivery, FaultPipeline

__all__ = [
    "REGISTRY",
    "Delivery",
    "Fault",
    "FaultError",
    "FaultPipeline",
    "catalogue",
    "clock",
    "drive",
    "json_schema",
    "lidar",
    "load_faults",
    "markdown_table",
    "parse_fault",
    "parse_faults",
    "processes",
    "register",
    "transport",
    "values",
]
