import Admin
import Gateway
import Linux
import Replication
import ServiceLifecycle
import Synchronization

/// Serves requests for messages to devices, until the services are told to go.
struct DownlinkService: Service {
    /// The most that are under way at once.
    private static let limit = 1_024

    let requests: any DownlinkRequests
    let gateway: Gateway

    /// How many are under way.
    private final class Load: Sendable {
        private let count = Atomic<Int>(0)

        /// False when there are as many as may be.
        func begin() -> Bool {
            if count.add(1, ordering: .relaxed).oldValue < DownlinkService.limit { return true }
            end()
            return false
        }

        func end() { count.subtract(1, ordering: .relaxed) }
    }

    func run() async throws {
        let load = Load()
        let gateway = gateway
        requests.serve { request in
            guard load.begin() else { return request.answer(DeviceMessageRequest.tooMany) }
            Task {
                let message = DeviceMessageRequest(
                    product: request.product, device: request.device, topic: request.topic,
                    qos: request.qos, payload: request.payload)
                request.answer(await message.answer(by: gateway))
                load.end()
            }
        }
        // Also a failing service next to this one ends the wait.
        try? await gracefulShutdown()
        requests.close()
    }
}
