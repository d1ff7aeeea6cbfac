import Ledger
import Linux
import Testing

@testable import Gateway

@Suite struct DisplacementGuardTests {
    private let device = DeviceIdentity(product: ProductKey("pk")!, device: DeviceKey("a")!)
    private let other = DeviceIdentity(product: ProductKey("pk")!, device: DeviceKey("b")!)

    private func at(_ seconds: Int64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: 1).adding(milliseconds: seconds * 1_000)
    }

    @Test("Wire: more than 15 displacements in a minute are answered with a minute's refusal")
    func refusal() {
        var displacements = DisplacementGuard(limit: 15, penaltyMilliseconds: 60_000)
        for second in 1...15 as ClosedRange<Int64> {
            displacements.note(device, at: at(second))
            #expect(displacements.isAdmitted(device, at: at(second)))
        }
        displacements.note(device, at: at(16))
        #expect(!displacements.isAdmitted(device, at: at(16)))
        #expect(!displacements.isAdmitted(device, at: at(75)))
        #expect(displacements.isAdmitted(other, at: at(16)))
        #expect(displacements.isAdmitted(device, at: at(76)))
    }

    @Test("Wire: being refused does not extend it, whoever is displaced meanwhile")
    func noExtension() {
        var displacements = DisplacementGuard(limit: 1, penaltyMilliseconds: 60_000)
        displacements.note(device, at: at(1))
        displacements.note(device, at: at(2))
        for second in 2..<62 as Range<Int64> {
            #expect(!displacements.isAdmitted(device, at: at(second)))
            displacements.note(other, at: at(second))
        }
        #expect(displacements.isAdmitted(device, at: at(62)))
        // After that it begins anew.
        displacements.note(device, at: at(63))
        #expect(displacements.isAdmitted(device, at: at(63)))
        displacements.note(device, at: at(64))
        #expect(!displacements.isAdmitted(device, at: at(64)))
    }

    @Test("Wire: displacements that are further apart are not counted together")
    func window() {
        var displacements = DisplacementGuard(limit: 2, penaltyMilliseconds: 60_000)
        for second in stride(from: 0, to: 3_600, by: 30) as StrideTo<Int64> {
            displacements.note(device, at: at(second))
            #expect(displacements.isAdmitted(device, at: at(second)))
        }
    }

    @Test("A refusal longer than a minute outlasts the sweep")
    func longPenalty() {
        var displacements = DisplacementGuard(limit: 0, penaltyMilliseconds: 600_000)
        displacements.note(device, at: at(0))
        for second in stride(from: 61, to: 600, by: 61) as StrideTo<Int64> {
            displacements.note(other, at: at(second))
            #expect(!displacements.isAdmitted(device, at: at(second)))
        }
        #expect(displacements.isAdmitted(device, at: at(600)))
    }
}
