public import Ledger
import Storage

// Upgrades of campaigns are started when their rate allows it.
extension Gateway {
    /// Devices that are looked at with one command: a bound on how long the ledger's writer is busy with it.
    private static var campaignLooks: UInt32 { 500 }

    /// Once a second, until its task is cancelled. How far a campaign is stands in the books, so another run goes on.
    func advanceCampaigns() async {
        guard commons.firmwareLinks != nil else { return }
        var standing: Set<DueCampaign> = []
        while !Task.isCancelled {
            if await isMine(.campaigns) {
                standing = await advanceDueCampaigns(saidOf: standing)
            }
            do {
                try await Task.sleep(for: .seconds(1))
            } catch {
                return  // Cancelled.
            }
        }
    }

    /// Each campaign that has something to do goes on; one that is damaged stops no other one, and the log says so.
    ///
    /// - Parameter saidOf: those that the log has been told of: once is enough.
    /// - Returns: those that can't go on.
    @discardableResult
    public func advanceDueCampaigns(
        saidOf known: Set<DueCampaign> = []
    ) async -> Set<DueCampaign> {
        let now = now
        let due: [DueCampaign]
        do throws(StoreError) {
            due = try ledger.read { books, transaction throws(StoreError) in
                try books.dueCampaigns(at: now, in: transaction)
            }
        } catch {
            // The next second tries again.
            return known
        }
        var standing: Set<DueCampaign> = []
        for campaign in due {
            guard let damaged = await advance(campaign) else { continue }
            standing.insert(damaged)
            guard !known.contains(damaged) else { continue }
            commons.log?.say(
                .error, "a campaign can't go on: its records are damaged",
                .init("product", "\(campaign.product)"), .init("campaign", "\(campaign.id)"),
                .init("error", damaged.damage ?? ""))
        }
        return standing
    }

    /// Answers the campaign when its records are damaged. What fails otherwise is tried again in the next second.
    private func advance(_ campaign: DueCampaign) async -> DueCampaign? {
        if campaign.damage != nil { return campaign }
        let action = CampaignAction.advance(
            campaign.product, campaign.id, looks: Self.campaignLooks)
        do throws(StoreError) {
            _ = try await ledger.submit(
                Command(at: now, actor: Command.gatewayActor, action: .campaigns(action)))
        } catch .malformed(let what) {
            return DueCampaign(product: campaign.product, id: campaign.id, damage: what)
        } catch {
            return nil
        }
        return nil
    }
}
