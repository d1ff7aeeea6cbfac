import Ledger
import Metering
import Testing
import Time

/// A shard's stock of an account's message packs, and what it does to come by more.
@Suite struct TopUpStockTests {
    private func lease(_ id: UInt64, _ units: UInt64, hours: Int64 = 24) -> TopUpLease {
        TopUpLease(
            id: id,
            account: AccountID("acme")!,
            pack: id,
            units: units,
            expiresAt: noon.adding(milliseconds: hours * 3_600_000)
        )
    }

    /// A stock that has been granted these leases.
    private func stock(peers: Int = 0, _ leases: TopUpLease...) -> TopUpStock {
        var stock = TopUpStock(peers: peers)
        for lease in leases { stock.leased(lease) }
        return stock
    }

    private static let device = identity("d1")

    private static func identity(_ key: String) -> DeviceIdentity {
        DeviceIdentity(product: ProductKey("PK1")!, device: DeviceKey(key)!)
    }

    /// What was used, all of it by the one device.
    private func ended(_ lease: UInt64, used: UInt64, returned: UInt64) -> TopUpSettlement {
        let uses = used > 0 ? [Self.device: used] : [:]
        return TopUpSettlement(lease: lease, used: used, returned: returned, uses: uses)
    }

    private func draw(_ stock: inout TopUpStock, _ units: UInt32, hours: Int64 = 0) -> TopUpVerdict
    {
        stock.draw(units, for: Self.device, at: noon.adding(milliseconds: hours * 3_600_000))
    }

    @Test("C6: units are leased before they are used, one lease for all that is needed meanwhile")
    func asking() {
        var stock = stock()
        #expect(stock.nextRequest() == nil)
        for units: UInt32 in [3, 4] {
            let verdict = draw(&stock, units)
            #expect(verdict == .wait)
        }
        #expect(stock.nextRequest() == .lease(needed: 7))
        // One wish at a time.
        let meanwhile = draw(&stock, 5)
        #expect(meanwhile == .wait && stock.nextRequest() == nil)
        stock.leased(lease(1, 10))
        let verdicts = [3, 4, 5].map { draw(&stock, $0) }
        #expect(verdicts == [.drawn, .drawn, .wait])
        #expect(stock.nextRequest() == .lease(needed: 2))
    }

    @Test(
        "C6: more is asked for ahead of need, at half of the last lease, and half a block at most")
    func lowWater() {
        var stock = stock(lease(1, 100))
        _ = draw(&stock, 50)
        #expect(!stock.isLow && stock.nextRequest() == nil)
        _ = draw(&stock, 1)
        #expect(stock.isLow && stock.nextRequest() == .lease(needed: 1))
        #expect(!stock.isLow && stock.nextRequest() == nil)
        stock.leased(lease(2, 1_000_000))
        _ = draw(&stock, UInt32(1_000_049 - TopUpStock.block / 2))
        #expect(!stock.isLow)
        _ = draw(&stock, 1)
        #expect(stock.isLow)
    }

    @Test(
        "C6: of several leases the one that expires first is drawn from first, whichever came first"
    )
    func firstExpiringFirst() {
        var stock = stock(lease(1, 5, hours: 30), lease(2, 5, hours: 20), lease(3, 5, hours: 25))
        _ = draw(&stock, 7)
        stock.giveBack()
        #expect(
            stock.takeSettlements() == [
                ended(2, used: 5, returned: 0),
                ended(3, used: 2, returned: 3),
                ended(1, used: 0, returned: 5),
            ])
        #expect(stock.takeSettlements() == [] && stock.isSettled)
    }

    @Test("C6: from the instant at which its pack expires no unit of a lease is used")
    func expiry() {
        var stock = stock(lease(1, 5, hours: 1), lease(2, 5, hours: 2))
        _ = draw(&stock, 1)
        let late = draw(&stock, 6, hours: 1)
        #expect(late == .wait)
        let within = draw(&stock, 5, hours: 1)
        #expect(within == .drawn)
        #expect(
            stock.takeSettlements() == [
                ended(1, used: 1, returned: 4),
                ended(2, used: 5, returned: 0),
            ])
    }

    @Test("C3, C6: a message is paid for whole or not at all; a smaller one takes what is left")
    func whole() {
        var stock = stock(lease(1, 3))
        let large = draw(&stock, 4)
        #expect(large == .wait && stock.nextRequest() == .lease(needed: 1))
        stock.leased(nil)
        let again = draw(&stock, 4)
        #expect(again == .nothingLeft)
        let smaller = draw(&stock, 3)
        #expect(smaller == .drawn)
    }

    @Test("C6: that nothing is left is remembered until packs change")
    func memory() {
        var stock = stock()
        _ = draw(&stock, 1)
        _ = stock.nextRequest()
        stock.leased(nil)
        for _ in 0..<3 {
            let refused = draw(&stock, 1)
            #expect(refused == .nothingLeft && stock.nextRequest() == nil)
            let looked = stock.look(for: 1, at: noon)
            #expect(looked == .nothingLeft)
        }
        stock.packsChanged()
        let asked = draw(&stock, 1)
        #expect(asked == .wait && stock.nextRequest() == .lease(needed: 1))
    }

    @Test("C6: new packs may expire earlier, so what is held goes back")
    func newPacks() {
        var stock = stock(lease(1, 10))
        _ = draw(&stock, 4)
        stock.packsChanged()
        #expect(stock.takeSettlements() == [ended(1, used: 4, returned: 6)])
        let next = draw(&stock, 1)
        #expect(next == .wait)
    }

    @Test("C6: before a message is refused, the other shards give back what they hold, once")
    func recall() {
        var stock = stock(peers: 2)
        _ = draw(&stock, 2)
        _ = stock.nextRequest()
        stock.leased(nil)
        let second = draw(&stock, 2)
        #expect(second == .wait && stock.nextRequest() == .recall && stock.nextRequest() == nil)
        let isOver = stock.recalled(hasReturned: true)
        let isOverNow = stock.recalled(hasReturned: false)
        #expect(!isOver && isOverNow)
        let third = draw(&stock, 2)
        #expect(third == .wait && stock.nextRequest() == .lease(needed: 2))
        // One unit came back, but two are needed: nobody is asked in circles.
        stock.leased(lease(1, 1))
        let fourth = draw(&stock, 2)
        #expect(fourth == .wait && stock.nextRequest() == .lease(needed: 1))
        stock.leased(nil)
        let fifth = draw(&stock, 2)
        #expect(fifth == .nothingLeft)
        // Having drawn something, it may ask the others again.
        let one = draw(&stock, 1)
        let more = draw(&stock, 1)
        #expect(one == .drawn && more == .wait && stock.nextRequest() == .recall)
    }

    @Test("C6: a recall that brings nothing leaves nothing, until another shard gives units back")
    func recallInVain() {
        var stock = stock(peers: 1)
        _ = draw(&stock, 1)
        _ = stock.nextRequest()
        stock.leased(nil)
        _ = draw(&stock, 1)
        #expect(stock.nextRequest() == .recall)
        let isOver = stock.recalled(hasReturned: false)
        let refused = draw(&stock, 1)
        #expect(isOver && refused == .nothingLeft)
        stock.unitsReturned()
        let asked = draw(&stock, 1)
        #expect(asked == .wait && stock.nextRequest() == .lease(needed: 1))
    }

    @Test("C6: a lease that is not drawn from for a flush interval goes back")
    func idle() {
        var stock = stock(lease(1, 10))
        _ = draw(&stock, 2)
        stock.lookAround(at: noon)
        #expect(stock.takeSettlements() == [] && !stock.isSettled)
        stock.lookAround(at: noon)
        #expect(stock.takeSettlements() == [ended(1, used: 2, returned: 8)])
        #expect(stock.isSettled)
    }

    @Test("C6: a lease that is used up, or whose pack has expired, is settled on the schedule")
    func schedule() {
        var stock = stock(lease(1, 2), lease(2, 9, hours: 48))
        _ = draw(&stock, 3)
        stock.lookAround(at: noon)
        #expect(stock.takeSettlements() == [ended(1, used: 2, returned: 0)])
        _ = draw(&stock, 1)
        stock.lookAround(at: noon.adding(milliseconds: 48 * 3_600_000))
        let expired = ended(2, used: 2, returned: 7)
        #expect(stock.takeSettlements() == [expired])
        stock.settleAgain(expired)
        #expect(!stock.isSettled && stock.takeSettlements() == [expired])
    }

    @Test("C6: a ledger that can't answer is asked again after a flush interval, and not before")
    func failure() {
        var stock = stock(peers: 1)
        _ = draw(&stock, 1)
        _ = stock.nextRequest()
        stock.leaseFailed()
        let refused = draw(&stock, 1)
        #expect(refused == .nothingLeft && stock.nextRequest() == nil)
        stock.lookAround(at: noon)
        let asked = draw(&stock, 1)
        #expect(asked == .wait && stock.nextRequest() == .lease(needed: 1))
    }

    @Test(
        "C6: the end of a lease says which devices used its units, across leases, up to a limit")
    func devices() {
        var stock = stock(lease(1, 5), lease(2, 10))
        let (one, two) = (Self.device, Self.identity("d2"))
        let draws: [(DeviceIdentity, UInt32)] = [(one, 2), (two, 1), (one, 1), (two, 4)]
        for (device, units) in draws {
            let verdict = stock.draw(units, for: device, at: noon)
            #expect(verdict == .drawn)
        }
        stock.giveBack()
        #expect(
            stock.takeSettlements() == [
                TopUpSettlement(lease: 1, used: 5, returned: 0, uses: [one: 3, two: 2]),
                TopUpSettlement(lease: 2, used: 3, returned: 7, uses: [two: 3]),
            ])
        let many = UInt64(TopUpStock.devicesOfLease) + 10
        stock.leased(lease(3, many))
        for number in 0..<many {
            _ = stock.draw(1, for: Self.identity("d\(number)"), at: noon)
        }
        let uses = stock.takeSettlements().first?.uses
        #expect(uses?.count == TopUpStock.devicesOfLease)
        #expect(uses?.values.allSatisfy { $0 == 1 } == true)
    }
}
