import Bytes
import Encoding
import Storage
import Time

@testable import Ledger

/// Of the cluster that the books are of.
extension LedgerRecords {
    private static var chain: ChainHash {
        let bytes = fingerprint
        return ChainHash(bytes.span)!
    }

    private static var removedSender: SenderRecord {
        var sender = SenderRecord(epoch: .max, number: 300, position: 1 << 40)
        sender.applied = 1 << 40
        sender.at = time
        sender.isRemoved = true
        return sender
    }

    static func cluster(_ books: Books) -> [GoldenTable] {
        [
            GoldenTable(
                books.log,
                keys: ["only": 1],
                records: [
                    "anew v2": LogRecord(
                        cluster: ClusterID(1 << 127 | 7), since: 300,
                        mark: LogMark(position: 1 << 40, chain: chain),
                        generation: 2)
                ],
                older: [
                    "plain": LogRecord(
                        cluster: ClusterID(1 << 127 | 7), since: 300,
                        mark: LogMark(position: 1 << 40, chain: chain))
                ]
            ),
            GoldenTable(
                books.senders,
                keys: ["plain": NodeName("gate-1.example")!],
                records: [
                    "new v2": SenderRecord(epoch: 1, number: 0, position: 1),
                    "removed v2": removedSender,
                ],
                older: [
                    "plain": SenderRecord(epoch: .max, number: 300, position: 1 << 40),
                    "new": SenderRecord(epoch: 1, number: 0, position: 1),
                ]
            ),
            GoldenTable(
                books.partitions,
                keys: ["only": 1],
                records: [
                    "two": PartitionsRecord(
                        table: .assigned(
                            to: [NodeName("gate-1")!, NodeName("gate-2")!], after: nil))
                ]
            ),
            GoldenTable(
                books.metadata,
                keys: [
                    "account": .account(acme), "product": .product(product),
                    "device": .device(identity),
                ],
                records: [
                    "one": MetadataRecord(metadata: noted(1)),
                    "most": MetadataRecord(metadata: noted(16)),
                ]
            ),
            GoldenTable(
                books.notedDevices, keys: ["plain": KeyTriple(product, noted, device)]),
            GoldenTable(
                books.notedProducts, keys: ["plain": KeyTriple(noted, acme, product)]),
            GoldenTable(
                books.desiredStates,
                keys: ["plain": identity],
                records: [
                    "least": DesiredStateRecord(
                        state: DesiredState(
                            version: 1, changedAt: time, document: .empty, pace: StatePace())),
                    "most": DesiredStateRecord(
                        state: DesiredState(
                            version: 300, changedAt: time, document: document,
                            pace: StatePace(fullAt: time))),
                ]
            ),
            GoldenTable(
                books.sessionFollowings,
                keys: ["plain": NodeName("gate-1.example")!],
                records: [
                    "alone": SessionFollowingRecord(
                        following: SessionFollowing(
                            number: 1, follower: nil, isInherited: false)),
                    "followed": SessionFollowingRecord(
                        following: SessionFollowing(
                            number: 300, follower: NodeName("gate-2")!, isInherited: false)),
                    "inherited": SessionFollowingRecord(
                        following: SessionFollowing(
                            number: .max, follower: NodeName("gate-2")!, isInherited: true,
                            heirs: [
                                SessionHeir(node: NodeName("gate-2")!, number: 7),
                                SessionHeir(node: NodeName("gate-3")!, number: 300),
                            ])),
                ]
            ),
        ]
    }

    private static var noted: MetadataPlace { MetadataMatch("room=Küche")!.place }

    /// Under so many keys; the first value is empty.
    /// A document of a device's state, with all kinds of values.
    static var document: StateDocument {
        let text = #"{"é":[1.50,-2e3,null],"on":true,"\"\u0001":{"a":""}}"#
        guard let patch = try? StatePatch(json: Array(text.utf8)),
            let document = try? StateDocument.empty.merging(patch)
        else { preconditionFailure("no document: \(text)") }
        return document
    }

    private static func noted(_ count: Int) -> Metadata {
        Metadata().merging(
            (0..<count).map { number in
                MetadataEdit(
                    key: MetadataKey("key-\(number)")!,
                    value: MetadataValue(String(repeating: "é", count: number)))
            })
    }
}
