import Ledger
import Storage

// Upgrades of campaigns are started when their rate allows it.
extension Gateway {
    /// Devices that are looked at with one command: a bound on how long the ledger's writer is busy with it.
    private static var campaignLooks: UInt32 { 500 }

    /// Once a second, until its task is cancelled. How far a campaign is stands in the books, so another run goes on.
    func advanceCampaigns() async {
        guard commons.firmwareLinks != nil else { return }
        while !Task.isCancelled {
            await advanceDueCampaigns()
            do {
                try await Task.sleep(for: .seconds(1))
            } catch {
                return  // Cancelled.
            }
        }
    }

    /// Answers how many had something to do.
    @discardableResult
    public func advanceDueCampaigns() async -> Int {
        let now = now
        do throws(StoreError) {
            let due = try ledger.read { books, transaction throws(StoreError) in
                try books.dueCampaigns(at: now, in: transaction)
            }
            for (product, id) in due {
                let action = CampaignAction.advance(product, id, looks: Self.campaignLooks)
                let command = Command(
                    at: now, actor: Command.gatewayActor, action: .campaigns(action))
                // The next second tries again; another campaign need not wait for it.
                _ = try? await ledger.submit(command)
            }
            return due.count
        } catch {
            // The next second tries again.
            return 0
        }
    }
}
