/// What devices were answered, at whichever node, and what in it contradicts itself.
struct Acknowledgements {
    private(set) var codes: [Int: String] = [:]
    private(set) var refused: Set<Int> = []
    private(set) var entitledCount = 0
    private(set) var refusedCount = 0

    /// Answered neither way: what became of them is not known.
    private(set) var failures: [String: Int] = [:]
    private(set) var findings: [String] = []
    private var consumers: Set<Int> = []
    private var devices: [String: Int] = [:]

    /// When, in milliseconds of the monotonic clock.
    private var times: [Int64] = []

    /// Reads what a node has written.
    mutating func read(_ output: [UInt8], of node: String) {
        // What is behind the last line feed was cut off by a kill.
        let whole = output[..<((output.lastIndex(of: 10) ?? -1) + 1)]
        for line in whole.split(separator: 10) {
            let words = line.split(separator: 32, maxSplits: 3).map {
                String(decoding: $0, as: UTF8.self)
            }
            guard words.count >= 3, let time = Int64(words[0]), let device = Int(words[1]) else {
                remark(String(decoding: line, as: UTF8.self), of: node)
                continue
            }
            note(device, words[2], words.count > 3 ? words[3] : "", at: time)
        }
    }

    private mutating func remark(_ line: String, of node: String) {
        let expected = [
            "ready", "resting", "standing open", "standing joining", "unopened", "unfounded as yet",
        ]
        if expected.contains(where: { line.hasPrefix($0) }) { return }
        findings.append("\(node) says: \(line)")
    }

    private mutating func note(_ device: Int, _ answer: String, _ rest: String, at time: Int64) {
        switch answer {
        case "failed": failures[rest, default: 0] += 1
        case "refused":
            refusedCount += 1
            refused.insert(device)
            times.append(time)
            if !rest.contains("no activation code left") {
                findings.append("device \(device) was refused: \(rest)")
            }
        default:
            entitledCount += 1
            times.append(time)
            if let known = codes.updateValue(answer, forKey: device), known != answer {
                findings.append("device \(device) was given \(known) and \(answer)")
            }
            if let other = devices.updateValue(device, forKey: answer), other != device {
                findings.append("devices \(device) and \(other) were given \(answer)")
            }
            if rest == "new", !consumers.insert(device).inserted {
                findings.append("device \(device) has consumed twice")
            }
        }
    }

    var count: Int { entitledCount + refusedCount }

    /// The longest time between two answers of the whole cluster.
    var longestSilenceMilliseconds: Int64 {
        let sorted = times.sorted()
        return zip(sorted, sorted.dropFirst()).map { $1 - $0 }.max() ?? 0
    }

    var milliseconds: Int64 { (times.max() ?? 0) - (times.min() ?? 0) }
}
