"""An instance of Dagster for what the sensor does with a spent budget."""

from tests.sensors.conftest import instance

__all__ = ["instance"]
