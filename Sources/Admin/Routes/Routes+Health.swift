import Gateway
import Hummingbird

extension Routes {
    /// What programs that watch the gateway ask for.
    mutating func registerHealth() {
        on(
            .get, "/healthz",
            Operation(
                "showHealth", "Whether the process is alive", access: .open,
                answers: .ok(.health))
        ) { _ in .json(["alive": true]) }
        on(
            .get, "/readyz",
            Operation(
                "showReadiness", "Whether new work is taken, and what stands in its way",
                access: .open,
                answers: .ok(.readiness),
                .ok(.readiness, "Something stands in the way.").with(.serviceUnavailable))
        ) { call in
            let readiness = await call.controlPlane.readiness()
            return .json(
                Documents.readiness(readiness),
                status: readiness.isReady ? .ok : .serviceUnavailable
            )
        }
        on(
            .get, "/metrics",
            Operation(
                "showMetrics", "All figures of the process in Prometheus' text format (0.0.4)",
                access: .open, answers: .text)
        ) { call in
            let text = await call.controlPlane.metricsText()
            return Response(.ok, "text/plain; version=0.0.4; charset=utf-8", Array(text.utf8))
        }
    }

    /// The API, described.
    mutating func registerDocument() {
        on(
            .get, "/openapi.json",
            Operation(
                "showDocument", "This document (OpenAPI 3.1)", access: .open,
                answers: .ok(.openObject(["openapi": .anyText])))
        ) { _ in Response(.ok, "application/json", OpenAPI.text) }
    }
}
