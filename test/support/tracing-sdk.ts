// An OpenTelemetry SDK as operators load one, with --import. It writes its spans to SPANS_FILE, a line each.
import { appendFileSync } from 'node:fs'
import { propagation, trace } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { BasicTracerProvider, SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base'

const exporter: SpanExporter = {
  export(spans, done) {
    for (const span of spans) {
      const { name, kind, attributes, status, parentSpanContext } = span
      const line = { name, kind, attributes, status: status.code, parent: parentSpanContext?.spanId ?? null, id: span.spanContext().spanId }
      appendFileSync(process.env.SPANS_FILE ?? '', `${JSON.stringify(line)}\n`)
    }
    done({ code: 0 })
  },
  shutdown: async () => undefined,
}
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
propagation.setGlobalPropagator(new W3CTraceContextPropagator())
