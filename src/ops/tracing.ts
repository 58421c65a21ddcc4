import { isSpanContextValid, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { version } from './version.ts'

/** A request's span, as upstreams are told of it (W3C Trace Context), and as it ends. */
export interface RequestTrace {
  readonly traceparent: string
  readonly tracestate: string
  end(result: { readonly route: string | undefined; readonly status: number; readonly outcome: string }): void
}

export type BeginTrace = (req: { readonly method?: string | undefined; readonly headers: object }) => RequestTrace | null

/**
 * Creates what opens a span for each request, where the operator has loaded an OpenTelemetry SDK before the program
 * (`node --import`). Without one there is nothing to pay for.
 *
 * Names and attributes are those of OpenTelemetry's HTTP conventions; the path stays out, as it stays out of the log.
 */
export function createTracing(): BeginTrace {
  const tracer = trace.getTracer('sallyport', version)
  // Without an SDK spans have no id, sampled or not.
  const trial = tracer.startSpan('start')
  trial.end()
  if (!isSpanContextValid(trial.spanContext())) return () => null

  return function beginTrace({ method = '', headers }) {
    const parent = propagation.extract(ROOT_CONTEXT, headers)
    const span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes: { 'http.request.method': method } }, parent)
    const { traceId, spanId, traceFlags, traceState } = span.spanContext()
    return {
      traceparent: `00-${traceId}-${spanId}-${(traceFlags & 1).toString().padStart(2, '0')}`,
      tracestate: traceState?.serialize() ?? '',
      end({ route, status, outcome }) {
        if (route !== undefined) span.updateName(`${method} ${route}`).setAttribute('http.route', route)
        span.setAttribute('http.response.status_code', status)
        if (outcome !== 'ok') span.setAttribute('error.type', outcome)
        if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
        span.end()
      },
    }
  }
}
