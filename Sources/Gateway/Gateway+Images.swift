import Ledger
import Linux
public import Storage

// Files of firmware images: those of images that are gone are removed, and a node of a cluster fetches what it does not have
// from another one, over the link between them.
extension Gateway {
    /// Until the next look when nothing has changed, and when images are missing still. Unit: seconds.
    private static var imagesLookSeconds: Int { 600 }
    private static var imagesRetrySeconds: Int { 5 }

    /// Looks after the files, soon after an image or a node came or went, until its task is cancelled.
    func keepImages() async {
        guard commons.firmwareLinks != nil else { return }
        var present: [NodeName] = []
        var (retry, look) = (0, 0)
        while !Task.isCancelled {
            if look <= 0 {
                images.forgetTroubles()
                (retry, look) = (0, Self.imagesLookSeconds)
            }
            let others = commons.neighbours?.present ?? []
            if images.takeNews() || others != present || retry <= 0 {
                let missing = await lookAfterImages()
                let isRetried = missing > 0 && commons.neighbours != nil
                retry = isRetried ? Self.imagesRetrySeconds : Self.imagesLookSeconds
            }
            present = others
            do {
                try await Task.sleep(for: .seconds(1))
            } catch {
                return  // Cancelled.
            }
            retry -= 1
            look -= 1
        }
    }

    /// Removes files of images that are gone, and fetches those that are missing, one after the other. Answers how many
    /// are missing still.
    @discardableResult
    func lookAfterImages() async -> Int {
        do {
            let known = try ledger.read { books, transaction throws(StoreError) in
                try books.images(in: transaction)
            }
            let missing = try images.sort(known, isCaughtUp: isLedgerReached)
            let holders = try await holders(of: missing.map(\.record.file))
            var left = missing.count
            for image in missing where !Task.isCancelled {
                if await fetch(image, from: holders[image.record.file] ?? []) { left -= 1 }
            }
            return left
        } catch {
            let text = "firmware images can't be looked after now"
            if images.isNew(text, of: nil) {
                commons.log?.say(.warning, text, .init("error", "\(error)"))
            }
            return 1
        }
    }

    /// False when none of these nodes gives it, or the disk does not take it.
    private func fetch(_ image: FirmwareImage, from nodes: [NodeName]) async -> Bool {
        if nodes.isEmpty {
            warn("a firmware image is missing, and no other node that can be reached has it", image)
        }
        do {
            for node in nodes.shuffled() where images.isTrusted(node, image.record.file) {
                guard try await fetch(image, from: node) else { continue }
                commons.log?.say(
                    .info, "a firmware image has come from another node",
                    .init("product", image.product.text), .init("firmware", image.version.text),
                    .init("node", node.text), .init("bytes", "\(image.record.size.bytes)"))
                return true
            }
        } catch {
            warn("a firmware image can't be fetched: \(error)", image)
        }
        return false
    }

    /// False when that node does not give it, or has other bytes.
    private func fetch(_ image: FirmwareImage, from node: NodeName) async throws -> Bool {
        var part = try ImagePart(of: image.record, in: images.files)
        let isOfOneNode = part.count == 0
        while part.missingCount > 0 {
            let free = try FileSystem.freeBytes(at: configuration.data)
            guard free - part.missingCount >= FirmwareFiles.reserveBytes else {
                warn("the disk has no room for a firmware image of another node", image)
                return false
            }
            let question = NodeQuestion.imagePiece(image.record.file, at: UInt64(part.count))
            let answer = await ask(0, orElse: nil) { .node(node, shard: 0, question, $0) }
            guard case .piece(let bytes)? = answer, !bytes.isEmpty,
                bytes.count <= part.missingCount, !Task.isCancelled
            else { return false }
            try part.append(bytes)
        }
        let whole = part
        // Reading and fsync of many megabytes take their time, which is no task's.
        let isRight = try await Self.onThread("image") {
            Result { () throws(FileError) in
                var whole = whole
                return try whole.finish()
            }
        }.get()
        if isRight { return true }
        // What an earlier run had of it may have been wrong.
        guard isOfOneNode else { return try await fetch(image, from: node) }
        images.distrust(node, image.record.file)
        warn("a firmware image is damaged at node \(node)", image)
        return false
    }

    /// Tells the log, once until there is something else to tell of the image.
    private func warn(_ trouble: String, _ image: FirmwareImage) {
        guard images.isNew(trouble, of: image.record.file) else { return }
        commons.log?.say(
            .warning, trouble, .init("product", image.product.text),
            .init("firmware", image.version.text))
    }

    /// Which other nodes have these files of firmware images, as far as they answer.
    private func holders(of files: [UInt64]) async throws(StoreError) -> [UInt64: [NodeName]] {
        var holders: [UInt64: [NodeName]] = [:]
        var silent: Set<NodeName> = []
        for part in Self.parts(of: files, NodeQuestion.imagesMaximum) where !Task.isCancelled {
            for (node, answer) in try await askEachNode(.images(part), but: silent) {
                guard case .flags(let flags)? = answer, flags.count == part.count else {
                    silent.insert(node)
                    continue
                }
                for (file, isThere) in zip(part, flags) where isThere {
                    holders[file, default: []].append(node)
                }
            }
        }
        return holders
    }

    public func imagePlaces(of files: [UInt64]) async throws(StoreError) -> ImagePlaces {
        ImagePlaces(
            nodes: max(1, try nodes().count),
            others: try await holders(of: files).mapValues(\.count))
    }
}

/// On how many nodes the files of images are.
public struct ImagePlaces: Sendable {
    /// Of the cluster; 1 of a gateway alone.
    public let nodes: Int

    /// How many nodes besides the one that was asked say that they have the file, by its number.
    public let others: [UInt64: Int]

    public init(nodes: Int, others: [UInt64: Int] = [:]) {
        self.nodes = nodes
        self.others = others
    }
}
