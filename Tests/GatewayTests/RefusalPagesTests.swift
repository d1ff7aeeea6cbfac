import Foundation
import MQTT
import Testing

@testable import Gateway

/// The pages for makers of devices and for operators say of each reason what `Reason` says.
@Suite("The pages of refusals")
struct RefusalPagesTests {
    /// The rows of a page's tables that begin with a reason's name, as their cells.
    private static func rows(_ path: String) -> [(reason: Reason, cells: [String])] {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let page = root.appending(path: "Sources/Gateway/Gateway.docc/\(path)")
        let text = (try? String(contentsOf: page, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").filter { $0.hasPrefix("| `") }.compactMap { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            let name = cells[0].trimmingCharacters(in: ["`"])
            guard let reason = Reason.allCases.first(where: { $0.name == name }) else {
                Issue.record("\(path): there is no reason \(name)")
                return nil
            }
            return (reason, cells)
        }
    }

    /// What only the sender of a message to a device hears, which is no device.
    private static let sendersOnly: Set<Reason> = [
        .notConnected, .noSubscription, .queueFull, .messageExpired,
    ]

    @Test(
        "each reason that a device can meet is on the page for firmware, with its codes and its meaning"
    )
    func firmware() {
        let rows = Self.rows("DeviceMakers/Refusals.md")
        for row in rows {
            guard row.cells.count == 5 else {
                Issue.record("not five cells: \(row.cells)")
                continue
            }
            for code in row.cells[1].matches(of: /0x([0-9A-F]{2})/) {
                #expect(UInt8(code.1, radix: 16) == row.reason.reasonCode.rawValue, "\(row.reason)")
            }
            if let code = row.cells[2].firstMatch(of: /CONNACK ([0-9])/) {
                #expect(UInt8(code.1) == row.reason.returnCode?.rawValue, "\(row.reason)")
            }
            #expect(row.cells[3] == row.reason.text)
            let firmware = row.cells[4]
            let isSaid = [
                "soon", "hour", "day", "none: ", "keep it", "drop it", "correct", "send it",
            ]
            .contains { firmware.hasPrefix($0) }
            #expect(isSaid, "\(row.reason): \(firmware)")
        }
        let named = Set(rows.map(\.reason))
        for reason in Reason.allCases {
            let isForDevices = reason.toldToClient == reason && !Self.sendersOnly.contains(reason)
            #expect(named.contains(reason) == isForDevices, "\(reason.name)")
        }
    }

    /// The pauses that the page gives by code alone are those of its rows.
    @Test("a refused CONNECT is followed by the pause that its code has")
    func pauses() {
        let byCode: [UInt8: String] = [
            0x84: "day", 0x85: "day", 0x8C: "day", 0x90: "day", 0x86: "hour", 0x87: "hour",
            0x97: "hour",
        ]
        let byReturnCode: [UInt8: String] = [1: "day", 2: "day", 3: "soon", 4: "hour", 5: "hour"]
        var count = 0
        for row in Self.rows("DeviceMakers/Refusals.md") where row.cells[1].hasPrefix("CONNACK ") {
            count += 1
            let pause = byCode[row.reason.reasonCode.rawValue] ?? "soon"
            #expect(row.cells[4].hasPrefix(pause), "\(row.reason)")
            guard let code = row.reason.returnCode?.rawValue, let old = byReturnCode[code] else {
                continue
            }
            #expect(old == pause || row.cells[4].contains("3.1.1: \(old)"), "\(row.reason)")
        }
        #expect(count > 10)
    }

    @Test(
        "each reason is on the page for operators, with its meaning and its remedy, in the table's order"
    )
    func operators() {
        let rows = Self.rows("Operators/Troubleshooting.md")
        for row in rows {
            #expect(row.cells.dropFirst() == [row.reason.text, row.reason.remedy], "\(row.reason)")
        }
        let parts = [true, false].flatMap { isOnWire in
            Reason.allCases.filter { ($0.toldToClient == $0) == isOnWire }
        }
        let said = rows.map(\.reason)
        #expect(Set(said) == Set(parts) && said.count == parts.count)
    }
}
