import Ledger
import Reactor
import Sessions
import Storage
import Time

// What deleted devices have reported.
extension Gateway {
    /// Reports of devices that were registered later than so long before the start may be of devices that this node's books
    /// don't know yet.
    private static var registrationMarginMilliseconds: Int64 { 60_000 }

    /// Looks through what devices have reported, once: what those have said that are deleted goes. That happens when they
    /// are deleted; a gateway that is killed then has left some. False when it can't be done now.
    public func forgetLeftStates() async -> Bool {
        guard isLedgerReached else { return false }
        var start: RetainedCursor?
        var products: Set<ProductKey> = []
        repeat {
            do throws(StoreError) {
                let page = try commons.retained.reports(from: start, now: now)
                let gone = try gone(among: page.messages)
                for device in gone.devices {
                    commons.mailboxes[commons.homes.shard(of: device)].post(.stateForgotten(device))
                }
                for product in gone.products.subtracting(products) {
                    commons.mailboxes[0].post(.statesForgotten(product))
                }
                products.formUnion(gone.products)
                start = page.next
                // The store has other work as well.
                if gone.devices.isEmpty {
                    await Task.yield()
                } else {
                    try? await Task.sleep(for: .milliseconds(20))
                }
            } catch {
                commons.log?.say(
                    .warning, "what deleted devices have reported can't be looked for now",
                    .init("error", "\(error)"))
                return false
            }
        } while start != nil && !Task.isCancelled
        return true
    }

    /// Devices of which something was reported, and that are not registered any more; products whose devices have reported
    /// something, and that are deleted.
    private func gone(
        among reports: [Message]
    ) throws(StoreError) -> (devices: [DeviceIdentity], products: Set<ProductKey>) {
        let isNode = ledger.clusterStanding != nil
        // All that was in the log when this node came has been applied here by now.
        let latest = runningSince.adding(milliseconds: -Self.registrationMarginMilliseconds)
        return try ledger.read { books, transaction throws(StoreError) in
            var devices: [DeviceIdentity] = []
            var products: Set<ProductKey> = []
            for report in reports {
                guard let device = ReportedTopic.device(of: report.topic),
                    let said = ReportedState(bytes: report.payload)?.registeredAt,
                    !isNode || said < latest
                else { continue }
                if try books.product(device.product, in: transaction)?.isDeleted == true {
                    products.insert(device.product)
                } else if try books.registeredState(of: device, in: transaction)?.registeredAt
                    != said
                {
                    devices.append(device)
                }
            }
            return (devices, products)
        }
    }
}
