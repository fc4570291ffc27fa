from __future__ import annotations

from hypothesis import HealthCheck, settings

# A loaded machine is slow, not wrong, so nothing here is held to the clock.
settings.register_profile(
    "vmafx-tune", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("vmafx-tune")
