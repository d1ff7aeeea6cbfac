import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// The pure decision, case by case.
@Suite struct AdmissionTests {
    private let now = Timestamp(milliseconds: 1_700_000_000_000)
    private let identity = TestStore.device("d1")

    private func product(
        renewal: Bool = true,
        registration: RegistrationPolicy = .open,
        isDeleted: Bool = false
    ) -> ProductRecord {
        var record = ProductRecord(
            TestStore.newProduct("PK1", registration: registration),
            allowance: nil,
            createdAt: now
        )
        record.autoRenewal = renewal
        record.deletedAt = isDeleted ? now : nil
        return record
    }

    private func device(
        isRegistered: Bool = true,
        isDisabled: Bool = false,
        isExcepted: Bool = false,
        isOpen: Bool = true,
        codes: UInt32 = 1,
        expiresIn milliseconds: Int64 = 1
    ) -> Standing {
        Standing(
            isRegistered: isRegistered,
            isDisabled: isDisabled,
            isExceptedFromRenewal: isExcepted,
            isOpen: isOpen,
            codesConsumed: codes,
            expiresAt: now.adding(milliseconds: milliseconds)
        )
    }

    private func decide(_ product: ProductRecord?, _ device: Standing?) -> Decision {
        Admission.decide(identity, product: product, device: device, at: now)
    }

    @Test("B2, B3: a running entitlement is admitted, to its last millisecond")
    func running() {
        let until = now.adding(milliseconds: 1)
        #expect(decide(product(), device()) == .admit(until: until))
        #expect(decide(product(renewal: false), device(isExcepted: true)) == .admit(until: until))
        #expect(decide(product(), device(expiresIn: 0)) == .consume(.renewal))
    }

    @Test(
        "B1: a device without a code is a first one, unknown ones only where registration is open")
    func first() {
        #expect(decide(product(), device(isOpen: false, codes: 0)) == .consume(.first))
        #expect(decide(product(), nil) == .consume(.first))
        for policy in [RegistrationPolicy.imported, .closed] {
            #expect(
                decide(product(registration: policy), nil) == .refuse(.devices(.unknown(identity))))
        }
    }

    @Test("B7: an ended entitlement is renewed only where renewal is on; it is never a first one")
    func ended() {
        #expect(decide(product(), device(isOpen: false, expiresIn: -1)) == .consume(.renewal))
        #expect(
            decide(product(), device(isExcepted: true, expiresIn: 0))
                == .refuse(.devices(.renewalOff(identity)))
        )
        #expect(
            decide(product(renewal: false), device(expiresIn: 0))
                == .refuse(.devices(.renewalOff(identity)))
        )
    }

    @Test("B8: a deleted device, or one counted as ended, has to be written before it is admitted")
    func readmission() {
        let until = now.adding(milliseconds: 1)
        #expect(decide(product(), device(isRegistered: false)) == .readmit(until: until))
        #expect(decide(product(), device(isOpen: false)) == .readmit(until: until))
    }

    @Test("B9, B12: a deleted product and a disabled device are refused, whatever the entitlement")
    func refused() {
        #expect(decide(nil, device()) == .refuse(.products(.unknown(TestStore.product))))
        #expect(
            decide(product(isDeleted: true), device())
                == .refuse(.products(.unknown(TestStore.product)))
        )
        #expect(
            decide(product(), device(isDisabled: true)) == .refuse(.devices(.disabled(identity))))
        // Also of one that was deleted, and has consumed nothing that counts.
        let gone = device(isRegistered: false, isDisabled: true, isOpen: false, codes: 0)
        #expect(decide(product(), gone) == .refuse(.devices(.disabled(identity))))
    }

    @Test("B4: an online renewal starts where the old period ended, unless that period is over too")
    func renewalStart() {
        let end = now.adding(days: -10)
        #expect(
            Admission.onlineRenewalStart(after: now, validityDays: 10, at: now) == now
        )
        #expect(Admission.onlineRenewalStart(after: end, validityDays: 11, at: now) == end)
        #expect(Admission.onlineRenewalStart(after: end, validityDays: 10, at: now) == now)
    }
}
