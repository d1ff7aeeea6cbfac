import Foundation
import MQTT
import Testing

@testable import Gateway

/// The tables of reasons in Wire.md say what `Reason` says.
@Suite("The wire's page")
struct WirePageTests {
    /// A row: the reasons it names and the codes of its two columns, in their order.
    struct Row {
        let reasons: [Reason]
        let codes: [UInt8]
        let returnCode: UInt8?

        /// `nil` for a line that is no row of reasons.
        init?(_ line: Substring) {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count >= 2, cells[0].hasPrefix("`") else { return nil }
            let names = cells[0].split(separator: "`", omittingEmptySubsequences: false)
                .enumerated().filter { !$0.offset.isMultiple(of: 2) }.map(\.element)
            reasons = names.compactMap { name in Reason.allCases.first { $0.name == name } }
            guard reasons.count == names.count else { return nil }
            codes = cells[1].matches(of: /0x([0-9A-F]{2})/).compactMap { UInt8($0.1, radix: 16) }
            returnCode =
                cells.count > 2
                ? cells[2].firstMatch(of: /CONNACK ([1-5])/).flatMap { UInt8($0.1) } : nil
        }
    }

    /// The lines of the page's tables that begin with a name.
    private static let lines: [Substring] = {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let page = root.appending(path: "Sources/Gateway/Gateway.docc/Wire.md")
        let text = (try? String(contentsOf: page, encoding: .utf8)) ?? ""
        return text[(text.range(of: "## Refusals and endings")?.lowerBound ?? text.endIndex)...]
            .split(separator: "\n").filter { $0.hasPrefix("| `") }
    }()

    private static let rows = lines.compactMap(Row.init)

    @Test("each row names reasons, and gives the codes that they are sent with")
    func codes() {
        #expect(!Self.lines.isEmpty)
        for line in Self.lines { #expect(Row(line) != nil, "names no reason: \(line)") }
        for row in Self.rows where !row.codes.isEmpty && row.codes != [0] {
            let codes = row.reasons.map(\.reasonCode.rawValue)
            let said = row.codes.count == 1 ? codes.map { _ in row.codes[0] } : row.codes
            #expect(said == codes, "\(row.reasons)")
        }
        for row in Self.rows {
            guard let returnCode = row.returnCode else { continue }
            for reason in row.reasons {
                #expect(reason.returnCode?.rawValue == returnCode, "\(reason)")
            }
        }
    }

    @Test("each reason that a client can be told, or that ends a connection, has a row")
    func whole() {
        let named = Set(Self.rows.flatMap(\.reasons))
        for reason in Reason.allCases where reason.toldToClient == reason {
            #expect(named.contains(reason), "Wire.md does not name \(reason.name)")
        }
    }
}
