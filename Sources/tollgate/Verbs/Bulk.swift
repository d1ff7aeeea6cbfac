import Admin
import ArgumentParser

/// Where the devices of a bulk operation come from.
enum BulkSource {
    case named([String])
    case file(UploadSource)

    /// A list of the API.
    case list(String)
}

/// One action on many devices: several requests at once, and a summary.
struct Bulk<Action: DeviceAction> {
    let pk: String
    let action: Action
    let source: BulkSource
    let client: APIClient
    let consent: ConsentOptions

    /// Requests under way at once. The API counts them against `admin.requestsPerSecond`.
    private static var width: Int { 4 }

    private struct Failed {
        let dk: String
        let text: String
    }

    private struct Tally {
        var done = 0
        var failed: [Failed] = []
        var count: Int { done + failed.count }
    }

    func run() async throws {
        let (keys, total) = try await known()
        if !consent.yes, let loss = action.loss(ofMany: Self.devices(total)) {
            try ConsentOptions.confirm(
                "\(loss) (product \(pk))", isForGood: action.isForGood)
        }
        var tally = Tally()
        var progress = Progress()
        if let keys {
            try await carryOut(keys, of: total, &tally, &progress)
        } else if case .list(let path) = source {
            try await client.pages(of: path) { items throws(Failure) in
                let keys = items.compactMap { $0["dk"]?.text }
                try await carryOut(keys, of: total, &tally, &progress)
                return true
            }
        }
        progress.end()
        try report(tally)
        if !tally.failed.isEmpty { throw ExitCode(1) }
    }

    private static func devices(_ count: Int) -> String { counted(Int64(count), "device") }

    /// The keys, if they are known beforehand, and how many devices it is about. A list is looked through for that,
    /// and not kept.
    private func known() async throws(Failure) -> (keys: [String]?, total: Int) {
        switch source {
        case .named(let keys): return (keys, keys.count)
        case .file(let file):
            let keys = Self.keys(in: try file.all())
            guard !keys.isEmpty else {
                throw Failure(text: "there is no DeviceKey in the file", code: 2)
            }
            return (keys, keys.count)
        case .list(let path):
            var count = 0
            try await client.pages(of: path) { items throws(Failure) in
                count += items.count
                return true
            }
            return (nil, count)
        }
    }

    /// The first field of each line, without a header `dk`.
    static func keys(in bytes: [UInt8]) -> [String] {
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        let keys = lines.compactMap { line -> String? in
            let key = line.prefix { $0 != "," }.trimmed().trimmed { $0 == "\"" }
            return key.isEmpty || key.hasPrefix("#") ? nil : CSVField.taken(key)
        }
        return keys.first?.lowercased() == "dk" ? Array(keys.dropFirst()) : keys
    }

    private func carryOut(
        _ keys: [String],
        of total: Int,
        _ tally: inout Tally,
        _ progress: inout Progress
    ) async throws(Failure) {
        for start in stride(from: 0, to: keys.count, by: Self.width) {
            let group = Array(keys[start..<min(start + Self.width, keys.count)])
            let outcomes = await withTaskGroup(of: (Int, Failure?).self) { tasks in
                for (index, dk) in group.enumerated() {
                    let device = DeviceKeyPath(pk: pk, dk: dk)
                    let (request, client) = (action.request(device.path), client)
                    tasks.addTask { (index, await Self.failure(of: request, client)) }
                }
                var outcomes = [Failure?](repeating: nil, count: group.count)
                for await (index, failure) in tasks { outcomes[index] = failure }
                return outcomes
            }
            for (dk, failure) in zip(group, outcomes) {
                guard let failure else {
                    tally.done += 1
                    continue
                }
                // What no request reaches, the next one won't reach either.
                guard failure.reason != nil else {
                    progress.end()
                    try report(tally)
                    throw Failure(text: "\(failure.text)\n  stopped at \(dk)")
                }
                tally.failed.append(Failed(dk: dk, text: failure.text))
                progress.end()
                Output.complain("\(dk): \(failure.text.prefix { $0 != "\n" })")
            }
            let failures = tally.failed.isEmpty ? "" : ", \(tally.failed.count) failed"
            progress.show("\(tally.count) of \(Self.devices(total))\(failures)")
        }
    }

    /// What the gateway puts off is asked again. An action that comes twice has done what it was to do, so that requests
    /// share connections.
    private static func failure(
        of request: APIRequest, _ client: APIClient
    ) async -> Failure? {
        guard case .show(let method, let path, let body) = request else {
            preconditionFailure("an action is one request")
        }
        for attempt in 1... {
            do throws(Failure) {
                _ = try await client.send(method, path, body: body?.bytes, mayRepeat: true)
                return nil
            } catch {
                let isPutOff = ["too-many-requests", "too-much-at-once"]
                    .contains(error.reason ?? "")
                guard isPutOff, attempt < 30 else { return error }
                try? await Task.sleep(for: .seconds(1))
            }
        }
        return nil
    }

    private func report(_ tally: Tally) throws(Failure) {
        if client.form == .table {
            let failed = tally.failed.isEmpty ? "" : ", \(tally.failed.count) failed"
            return try Output.say("\(Self.devices(tally.done)) \(action.done)\(failed)")
        }
        let failed = tally.failed.map { failed -> JSON in
            ["dk": .text(failed.dk), "problem": .text(failed.text)]
        }
        let document: JSON = ["done": JSON(tally.done), "failed": .array(failed)]
        try client.form == .csv ? Output.csv(document) : Output.json(document.bytes)
    }
}
