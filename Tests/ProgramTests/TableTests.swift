import Foundation
import Processes
import Support
import Testing

/// Tables on a terminal, and the other forms of lists.
@Suite("Tables", .waits)
struct TableTests {
    private static let name = "智能台灯第二代（带无线充电与语音助手功能的豪华版本）"

    /// The columns that a line of these tests takes: marks of U+0300 none, Chinese and its punctuation two.
    private static func width(_ line: Substring) -> Int {
        line.unicodeScalars.reduce(0) { width, scalar in
            switch scalar.value {
            case 0x300..<0x370: width
            case 0x3000..<0xA000, 0xFF00..<0xFF61: width + 2
            default: width + 1
            }
        }
    }

    private func furnished(_ serving: Serving) throws {
        let rows =
            "d1,s1,客厅的灯\ndevice-of-a-very-long-key-0123456789-0123456789-abcdef,s2,\(Self.name)\n"
            + "d3,s3,Caf\u{65}\u{301}\n"
        try serving.furnish(devices: rows, name: Self.name)
    }

    @Test(
        "at 80 columns and at 40 no line is longer, columns are aligned, and … says what was shortened"
    )
    func fitting() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        try furnished(serving)
        let assigned = try serving.run(
            ["codes", "assign", "acme", "lamp", "--quantity", "1", "--yes"])
        #expect(assigned.code == 0, "\(assigned.errors)")
        for columns in [80, 40] {
            for verb in [
                "product list", "device list lamp", "account list", "event list", "package list",
                "codes purchases acme", "codes assignments acme", "account report acme",
            ] {
                let arguments = verb.split(separator: " ").map(String.init)
                let shown = try serving.terminal(arguments, columns: columns).output
                let lines = shown.split(separator: "\n").filter { !$0.hasPrefix("tollgate: ") }
                #expect(lines.count > 1, "\(verb): \(shown)")
                for line in lines {
                    #expect(Self.width(line) <= columns, "\(verb) at \(columns):\n\(shown)")
                }
            }
        }
        let devices = try serving.terminal(["device", "list", "lamp"]).output
            .split(separator: "\n")
        // The state stands below its word, whatever the name before it is.
        let header = try #require(devices.first)
        let place = Self.width(header[..<(try #require(header.firstRange(of: "STATE")).lowerBound)])
        for line in devices.dropFirst() {
            let state = try #require(line.firstRange(of: "inactive"), "\(line)")
            #expect(Self.width(line[..<state.lowerBound]) == place, "\(line)")
        }
        #expect(devices.contains { $0.contains("…") })
        // Numbers are aligned at their right.
        let products = try serving.terminal(["product", "list"]).output.split(separator: "\n")
        let codes = try #require(products[0].firstRange(of: "CODES")).upperBound
        let number = try #require(products[1].firstRange(of: " 8 ")).upperBound
        #expect(Self.width(products[0][..<codes]) == Self.width(products[1][..<number]) - 1)
        let narrow = try serving.terminal(["product", "list"], columns: 40).output
        #expect(narrow.contains("found no room: --wide shows all"), "\(narrow)")
        #expect(serving.end() == 0)
    }

    @Test("--wide and what is no terminal shorten nothing; COLUMNS is heeded")
    func wide() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        try furnished(serving)
        let wide = try serving.terminal(["product", "list", "--wide"]).output
        #expect(wide.contains(Self.name) && wide.contains("REGISTRATION"), "\(wide)")
        let piped = try serving.run(["product", "list"]).output
        #expect(piped.contains(Self.name) && !piped.contains("REGISTRATION"))
        let told = try serving.shell("COLUMNS=60 tollgate product list").output
        #expect(told.split(separator: "\n").allSatisfy { Self.width($0) <= 60 }, "\(told)")
        #expect(serving.end() == 0)
    }

    @Test("lists come as JSON, as lines of JSON and as CSV")
    func forms() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        try serving.furnish(devices: "d1,s1,\"Hall, left\"\nd2,s2,\n")
        let lines = try serving.run(["device", "list", "lamp", "-o", "ndjson"]).output
            .split(separator: "\n")
        #expect(lines.count == 2)
        for line in lines { _ = try JSONSerialization.jsonObject(with: Data(line.utf8)) }
        let array = try serving.run(["device", "list", "lamp", "--output", "json"]).output
        #expect(try serving.run(["device", "list", "lamp", "--json"]).output == array)
        let csv = try serving.run(["device", "list", "lamp", "-o", "csv"]).output
            .split(separator: "\n", omittingEmptySubsequences: false)
        #expect(csv.count == 4 && csv[0].hasPrefix("dk,name,state,online,expiresAt,"))
        #expect(csv[1].hasPrefix("d1,\"Hall, left\",inactive,false,,"), "\(csv)")
        let empty = try serving.run(["codes", "near-expiry", "-o", "csv"]).output
        #expect(empty.hasPrefix("expiresAt,pk,dk,") && empty.split(separator: "\n").count == 1)
        #expect(try serving.run(["codes", "near-expiry", "-o", "json"]).output == "[]\n")
        #expect(try serving.run(["codes", "near-expiry", "-o", "ndjson"]).output.isEmpty)
        let shown = try serving.run(["device", "show", "lamp", "d1", "-o", "csv"]).output
        #expect(shown.split(separator: "\n").count == 2 && shown.contains("\"Hall, left\""))
        let both = try serving.run(["device", "list", "lamp", "--json", "-o", "csv"])
        #expect(both.code == 2 && both.errors.contains("leave one of them out"))
        #expect(serving.end() == 0)
    }
}
