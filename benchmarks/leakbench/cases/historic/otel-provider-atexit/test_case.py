from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


def count_spans(provider):
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("t").start_as_current_span("s"):
        pass
    return len(exporter.get_finished_spans())


def test_leak():
    assert count_spans(TracerProvider()) == 1


def test_ok():
    provider = TracerProvider()
    assert count_spans(provider) == 1
    provider.shutdown()
