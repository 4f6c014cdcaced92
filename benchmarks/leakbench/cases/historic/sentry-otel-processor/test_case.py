from opentelemetry.sdk.trace import TracerProvider
from sentry_sdk.integrations.opentelemetry import SentryPropagator

TRACER = TracerProvider().get_tracer("t")
PROPAGATOR = SentryPropagator()


def test_leak():
    with TRACER.start_as_current_span("s"):
        PROPAGATOR.inject({})
