import Ledger
import Linux
import Reactor
import Storage
import Time

extension Gateway {
    /// Tells the books which devices were refused as no code was left, and which are at their daily limit (rule E2).
    func tellDigests(_ reports: inout DigestReports) async {
        for seen in await askShards(orElse: SeenDevices(), { .takeSeenDevices($0) }) {
            reports.merge(seen)
        }
        // By a doubted clock the books decide nothing (rule B16).
        guard isLedgerReached, commons.clock.doubt == nil else { return }
        for digest in reports.due(at: time.monotonic) {
            let keys = reports.take(digest, at: time.monotonic)
            let devices = keys.map { DeviceIdentity(product: digest.second, device: $0) }
            let command = Command(
                at: now, actor: Command.gatewayActor,
                action: .alerts(.gather(digest.first, devices)))
            do throws(StoreError) {
                if case .refused = try await ledger.submit(command) {
                    return reports.putBack(keys, of: digest)
                }
            } catch {
                return reports.putBack(keys, of: digest)
            }
        }
    }
}
