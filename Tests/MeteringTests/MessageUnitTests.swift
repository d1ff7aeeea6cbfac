import Metering
import Testing

@Suite struct MessageUnitTests {
    @Test(
        "C1: one unit per started 512 bytes of payload, an empty payload one",
        arguments: [
            (0, 1), (1, 1), (511, 1), (512, 1), (513, 2), (1_024, 2), (1_025, 3),
            (268_435_455, 524_288),
        ]
    )
    func standard(payloadBytes: Int, units: UInt32) {
        #expect(MessageUnit.standard.units(payloadBytes: payloadBytes) == units)
    }

    @Test(
        "C1: the unit's size is configurable",
        arguments: [
            (1, 0, 1), (1, 1, 1), (1, 7, 7), (1_024, 1_024, 1), (1_024, 1_025, 2),
            (4_096, 0, 1), (4_096, 12_289, 4), (.max, 268_435_455, 1),
        ]
    )
    func configured(bytes: Int, payloadBytes: Int, units: UInt32) {
        #expect(MessageUnit(bytes: bytes).units(payloadBytes: payloadBytes) == units)
    }
}
