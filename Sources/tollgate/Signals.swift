import Foundation
import Gateway
import Logging
import ServiceLifecycle
import UnixSignals

/// What signals mean beside the first request to go, which the service group answers.
struct Signals: Service {
    let gateway: Gateway
    let logger: Logger

    /// SIGHUP: certificate and key are read again; what can't be used is said, and changes nothing.
    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            do throws(GatewayError) {
                try gateway.reloadCertificates()
                logger.notice("certificates read again")
            } catch {
                logger.error("the certificates stay as they were: \(error)")
            }
        }
    }

    /// Whoever asks twice does not want to wait for the draining.
    static func endOnSecond() {
        Task {
            var count = 0
            for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
                count += 1
                if count == 2 { exit(1) }
            }
        }
    }
}
