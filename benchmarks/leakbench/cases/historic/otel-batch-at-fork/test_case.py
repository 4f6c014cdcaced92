from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

EXPORTER = InMemorySpanExporter()
PROVIDER = TracerProvider()
PROVIDER.add_span_processor(BatchSpanProcessor(EXPORTER))


def count_spans(provider, exporter):
    with provider.get_tracer("t").start_as_current_span("s"):
        pass
    provider.force_flush()
    return len(exporter.get_finished_spans())


def test_leak():
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    assert count_spans(provider, exporter) == 1
    provider.shutdown()


def test_ok():
    assert count_spans(PROVIDER, EXPORTER) == 1
    EXPORTER.clear()
