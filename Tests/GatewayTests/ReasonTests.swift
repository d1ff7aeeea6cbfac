import MQTT
import Testing

@testable import Gateway

@Suite("Reasons")
struct ReasonTests {
    @Test("every reason has a name of its own, in kebab case, which is also its label in metrics")
    func names() {
        let names = Reason.allCases.map(\.name)
        #expect(Set(names).count == names.count)
        for name in names {
            let parts = name.split(separator: "-", omittingEmptySubsequences: false)
            #expect(
                parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { "a"..."z" ~= $0 } }, "\(name)")
        }
    }

    @Test("every reason says what it is and what can be done, in one clause and one sentence")
    func words() {
        for reason in Reason.allCases {
            #expect(!reason.text.isEmpty && reason.text.last != ".", "\(reason)")
            #expect(reason.remedy.last == "." && reason.remedy.count <= 90, "\(reason)")
            #expect((400...599).contains(reason.status), "\(reason)")
        }
        #expect(Set(Reason.allCases.map(\.text)).count == Reason.allCases.count)
    }

    @Test("MQTT 5: a code is one of the packets that the reason appears in")
    func codes() {
        let connack: [Reason] = [
            .unsupportedProtocolVersion, .clientIdentifierNotValid, .badCredentials, .tokenUntimely,
            .preSharedKeyNotAccepted, .badAuthenticationMethod, .deviceDisabled,
            .notAllowedOnListener, .noCodeLeft,
            .activationExpired, .ledgerUnavailable, .clockDoubted, .limitReached, .serverBusy,
            .connectionRateExceeded,
            .malformedPacket, .protocolError, .packetTooLarge, .topicNotAllowed, .notStored,
        ]
        let publish: [Reason] = [
            .topicNotAllowed, .topicNameInvalid, .payloadFormatInvalid, .retainedFull, .notStored,
            .notUplinked, .quotaExceeded, .notConnected, .noSubscription, .queueFull,
            .messageExpired,
        ]
        let subscribe: [Reason] = [.topicNotAllowed, .topicFilterInvalid, .quotaExceeded]
        for reason in connack { #expect(reason.reasonCode.isAllowed(in: .connack), "\(reason)") }
        for reason in publish {
            #expect(reason.reasonCode.isAllowed(in: .puback), "\(reason)")
            #expect(reason.reasonCode.isAllowed(in: .pubrec), "\(reason)")
        }
        for reason in subscribe { #expect(reason.reasonCode.isAllowed(in: .suback), "\(reason)") }
        for reason in Reason.allCases where reason.isServers {
            #expect(reason.reasonCode.isAllowed(in: .disconnect, from: .server), "\(reason)")
        }
        for reason: Reason in [
            .sessionTakenOver, .keepAliveTimeout, .entitlementEnded, .kicked, .shuttingDown,
            .malformedPacket, .protocolError, .packetTooLarge, .receiveMaximumExceeded,
            .topicAliasInvalid, .notStored, .deviceDisabled,
        ] {
            #expect(reason.isServers, "\(reason)")
        }
        #expect(!Reason.disconnected.isServers && !Reason.connectionLost.isServers)
    }

    @Test("MQTT 3.1.1: a return code is the nearest to the MQTT 5 code")
    func returnCodes() {
        for reason in Reason.allCases {
            guard let code = reason.returnCode else { continue }
            #expect(code == ConnectReturnCode(reason.reasonCode), "\(reason)")
        }
    }

    @Test("a device is not told whether it is its key or its secret that is wrong")
    func unknownDevices() {
        #expect(Reason.unknownDevice.toldToClient == .badCredentials)
        #expect(Reason.unknownProduct.toldToClient == .badCredentials)
        #expect(Reason.noCodeLeft.toldToClient == .noCodeLeft)
        #expect(Reason.activationExpired.toldToClient == .activationExpired)
    }

    @Test("a reason that the decoders give keeps its MQTT 5 code")
    func decoding() {
        for code: ReasonCode in [
            .malformedPacket, .protocolError, .packetTooLarge, .topicAliasInvalid,
            .topicNameInvalid, .topicFilterInvalid, .unsupportedProtocolVersion,
            .clientIdentifierNotValid,
        ] {
            #expect(Reason(code).reasonCode == code)
        }
    }
}
